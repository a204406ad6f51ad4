//! Long work: making, starting and filling a server.

pub mod clone;
pub mod process;
pub mod start;
