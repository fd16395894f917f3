//! The leader of one daemon process group.
fn main() {}
