//! Long work: making, starting and filling a server.

pub mod clone;
pub mod make;
pub mod process;
pub mod settle;
pub mod start;
pub mod tail;
