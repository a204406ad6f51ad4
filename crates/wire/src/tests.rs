//! The services over real sockets, with certificates of authorities made for the test.

mod beats;
mod calls;
pub(crate) mod certificates;
mod identities;
mod renewal;
mod silence;
mod world;
