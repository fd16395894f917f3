//! Compiles the host's Python sources ahead, so that a worker need not do it at each start: for the Python that
//! `PYTHON` names, by default the system's. Without one the build goes on, and processes compile for themselves.

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "src/python/sources.rs"]
mod sources;

/// Names and texts come in, each ended by a zero; the byte code's version and the code go out.
const COMPILE: &str = "
import importlib.util, marshal, sys
if sys.version_info < (3, 10): sys.exit('too old')
words = sys.stdin.buffer.read().decode().split('\\0')
codes = [compile(text, name, 'exec', dont_inherit=True) for name, text in zip(words[::2], words[1::2])]
sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER + marshal.dumps(codes))
";

fn main() {
    println!("cargo:rerun-if-env-changed=PYTHON");
    for folder in ["src/api", "src/python"] {
        println!("cargo:rerun-if-changed={folder}");
    }
    let named = env::var("PYTHON")
        .map_or_else(|_| vec!["/usr/bin/python3".into(), "python3".into()], |name| vec![name]);
    let compiled = named.into_iter().find_map(compile).unwrap_or_default();
    let file = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("compiled");
    if let Err(error) = std::fs::write(&file, compiled) {
        panic!("cannot write {}: {error}", file.display());
    }
}

fn compile(python: String) -> Option<Vec<u8>> {
    let words: String = sources::SOURCES.iter().flat_map(|(name, text)| [name, "\0", text, "\0"]).collect();
    let mut child = Command::new(python)
        .args(["-I", "-c", COMPILE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let sent = child.stdin.take().is_some_and(|mut input| input.write_all(words.as_bytes()).is_ok());
    let output = child.wait_with_output().ok()?;
    (sent && output.status.success()).then_some(output.stdout)
}
