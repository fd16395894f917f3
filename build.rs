//! Binds httpd's and APR's headers as `apxs` names them, and notes the machine's default Python.
//!
//! Variables: `APXS` picks another httpd, `PYTHON` another default interpreter. Python itself is only asked where it
//! is; neither its headers nor its library are needed, and without any Python the build goes on without a default.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints the executable and the shared library (or an empty line).
const ASK_PYTHON: &str = "
import os, sys, sysconfig as s
v = s.get_config_var
d, n = v('LIBDIR') or '', v('INSTSONAME') or ''
found = [p for p in (os.path.join(d, v('MULTIARCH') or '', n), os.path.join(d, n)) if '.so' in n and os.path.isfile(p)]
print(sys.executable, found[0] if found else '', sep='\\n')
";

fn main() {
    for variable in ["APXS", "PYTHON"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    println!("cargo:rerun-if-changed=apxs/wrapper.h");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete"); // statics then behave alike over httpd's dlclose
    default_python();
    let apxs =
        find_apxs().unwrap_or_else(|| missing("apxs (Apache's build tool)", "apache2-dev", "httpd-devel"));
    let cc = env::var("CC").unwrap_or_else(|_| "cc".into());
    if !cc.split_whitespace().next().is_some_and(|program| runs(program, "--version")) {
        missing(&format!("a C compiler ({cc})"), "gcc", "gcc");
    }
    bind(&flags(&apxs));
}

fn find_apxs() -> Option<String> {
    let candidates =
        env::var("APXS").map_or_else(|_| vec!["apxs2".into(), "apxs".into()], |named| vec![named]);
    candidates.into_iter().find(|name| !query(name, "INCLUDEDIR").is_empty())
}

fn query(apxs: &str, variable: &str) -> String {
    let output = Command::new(apxs).args(["-q", variable]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn flags(apxs: &str) -> Vec<String> {
    let folders =
        ["INCLUDEDIR", "APR_INCLUDEDIR", "APU_INCLUDEDIR"].map(|name| format!("-I{}", query(apxs, name)));
    let defines = query(apxs, "EXTRA_CPPFLAGS");
    folders.into_iter().chain(defines.split_whitespace().map(str::to_owned)).collect()
}

fn bind(flags: &[String]) {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let shims = out.join("static_fns.c");
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ())); // bindgen panics without libclang; one message is enough
    let libclang = std::panic::catch_unwind(bindgen::clang_version);
    std::panic::set_hook(usual);
    if libclang.is_err() {
        missing("libclang (it reads httpd's headers)", "libclang-dev", "clang-devel");
    }
    let headers = r".*/(httpd|http_[a-z]+|util_[a-z0-9]+|ap_[a-z]+|mod_auth|mod_status|mpm_common|scoreboard|unixd|apr_[a-z_]+|apr)\.h";
    let bindings = bindgen::Builder::default()
        .header("apxs/wrapper.h")
        .clang_args(flags)
        .allowlist_file(headers)
        .allowlist_function("wsgi_.*")
        .use_core()
        .derive_debug(false)
        .generate_comments(false)
        .default_macro_constant_type(bindgen::MacroTypeVariation::Signed)
        .prepend_enum_name(false)
        .generate_cstr(true)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .rust_target(bindgen::RustTarget::stable(85, 0).unwrap_or_default())
        .wrap_static_fns(true)
        .wrap_static_fns_path(&shims)
        .generate()
        .unwrap_or_else(|error| panic!("cannot bind httpd's headers ({}): {error}", flags.join(" ")));
    if let Err(error) = bindings.write_to_file(out.join("httpd.rs")) {
        panic!("cannot write to {}: {error}", out.display());
    }
    let mut compiler = cc::Build::new();
    compiler.file(&shims).include(".").warnings(false);
    for flag in flags {
        compiler.flag(flag);
    }
    compiler.compile("wsgi_static_fns");
}

/// Records where the default interpreter and its library are, for groups and servers that name none.
fn default_python() {
    let python = env::var("PYTHON").unwrap_or_else(|_| "/usr/bin/python3".into());
    let answer = Command::new(&python).args(["-I", "-c", ASK_PYTHON]).output();
    let text = answer.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut lines = text.lines();
    for name in ["MOD_WSGI_PYTHON", "MOD_WSGI_LIBPYTHON"] {
        println!("cargo:rustc-env={name}={}", lines.next().unwrap_or_default());
    }
    if Path::new(&python).exists() {
        println!("cargo:rerun-if-changed={python}");
    }
}

fn runs(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}

#[expect(clippy::exit, clippy::print_stderr, reason = "the one message, and no backtrace behind it")]
fn missing(what: &str, debian: &str, rpm: &str) -> ! {
    eprintln!("\nmod_wsgi cannot be built: {what} is missing.");
    eprintln!(
        "Install it with `apt-get install {debian}` (Debian, Ubuntu) or `dnf install {rpm}` (Fedora, RHEL).\n"
    );
    std::process::exit(1);
}
