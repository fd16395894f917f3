//! The table of C functions between `mod_wsgi.so` and the host library in embedded mode.
//!
//! The module `dlopen`s the host, looks up [`ENTRY`], and gets a [`Host`]. All pointers are valid for the call only,
//! texts are bytes with a length. No function of either side lets a panic out.

use std::ffi::{c_char, c_int, c_void};

use crate::area::{Group, Slot};

/// The symbol of type [`Entry`] that the host exports.
pub const ENTRY: &std::ffi::CStr = c"mod_wsgi_host_embed";

/// The type of [`ENTRY`]: what the host offers. The module checks `contract` before it touches anything else.
pub type Entry = unsafe extern "C" fn() -> *const Host;

/// What the host offers to the module. Functions may be called from any thread of the child, except `start` and
/// `stop`, which are called once each.
#[repr(C)]
#[derive(Debug)]
pub struct Host {
    /// [`crate::VERSION`]
    pub contract: u32,
    /// Starts Python in this process. `settings` is the JSON of [`crate::launch::Python`]; `libpython` is a handle of
    /// dlopen for symbols that the stable ABI lacks. Returns 0, or writes a reason of at most `reason_size` bytes,
    /// ended with NUL, and returns another number.
    pub start: unsafe extern "C" fn(
        settings: *const u8,
        settings_length: usize,
        libpython: *mut c_void,
        server: *const Server,
        reason: *mut c_char,
        reason_size: usize,
    ) -> c_int,
    /// Runs one request. `exchange` is handed back to the functions of [`Server`]; `request` is the payload of
    /// [`crate::request::Request`]. Returns [`crate::response::Outcome::code`].
    pub serve: unsafe extern "C" fn(exchange: *mut c_void, request: *const u8, length: usize) -> c_int,
    /// Ends all interpreters: callbacks, `atexit`, joining of threads. Python itself stays.
    pub stop: unsafe extern "C" fn(),
}

/// Takes bytes that are valid during the call.
pub type Take = unsafe extern "C" fn(context: *mut c_void, bytes: *const u8, length: usize);

/// What the module offers to the host: httpd's side of one request. `exchange` is what [`Host::serve`] was given.
/// Functions that send return 0, or -1 when the client is gone.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Server {
    /// [`crate::VERSION`]
    pub contract: u32,
    /// Reads up to `length` bytes of the request body; waits. 0 is its end, -1 a failure.
    pub read: unsafe extern "C" fn(exchange: *mut c_void, buffer: *mut u8, length: usize) -> isize,
    /// Makes a `read` that waits on another thread fail soon, where that can be done: nothing is read any more.
    pub interrupt: unsafe extern "C" fn(exchange: *mut c_void),
    /// The payload of [`crate::response::Head`]; kept until the first byte of body or the end of the request. Returns
    /// -1 when the payload is malformed.
    pub head: unsafe extern "C" fn(exchange: *mut c_void, payload: *const u8, length: usize) -> c_int,
    /// Sends bytes of the body. With `last`, nothing follows, and the client has them when the function returns; so
    /// has it without.
    pub body:
        unsafe extern "C" fn(exchange: *mut c_void, bytes: *const u8, length: usize, last: bool) -> c_int,
    /// Sends `length` bytes of the regular file `descriptor`, from `offset`. The descriptor stays the caller's.
    pub file:
        unsafe extern "C" fn(exchange: *mut c_void, descriptor: c_int, offset: u64, length: u64) -> c_int,
    /// Writes a text of one or several lines to the error log: of the request, or with a null `exchange` of the
    /// server. `file` and `line` are what `%F` shows; `file` may be null.
    pub log: unsafe extern "C" fn(
        exchange: *mut c_void,
        level: c_int,
        text: *const u8,
        length: usize,
        file: *const u8,
        file_length: usize,
        line: u32,
    ),
    /// The payload of [`crate::verdict::Verdict`], for a request whose task is to judge. Returns -1 when it is malformed
    /// or the task is another.
    pub verdict: unsafe extern "C" fn(exchange: *mut c_void, payload: *const u8, length: usize) -> c_int,
    /// What mod_ssl says about a variable of its. Returns 0 and the place of the value, which stays readable until the
    /// request is over, or -1 when there is no such variable.
    pub ssl_lookup: unsafe extern "C" fn(
        exchange: *mut c_void,
        name: *const u8,
        name_length: usize,
        value: *mut *const u8,
        length: *mut usize,
    ) -> c_int,
    /// httpd's own structure of the request, for extension modules that know it.
    pub apache_request: unsafe extern "C" fn(exchange: *mut c_void) -> *mut c_void,
    /// The payload of [`crate::costs::Costs`], for a request that wants them, once it has ended.
    pub costs: unsafe extern "C" fn(exchange: *mut c_void, payload: *const u8, length: usize),
    /// Hands the bytes of a [`crate::scoreboard::Scoreboard`] to `take`, with `context`, and returns 0; -1 when httpd has
    /// none. It belongs to no request.
    pub scoreboard: unsafe extern "C" fn(take: Take, context: *mut c_void) -> c_int,
    /// Where requests are counted by application group; null: nowhere.
    pub group: Option<&'static Group>,
    /// Where they are counted together; null: nowhere.
    pub slot: Option<&'static Slot>,
}
