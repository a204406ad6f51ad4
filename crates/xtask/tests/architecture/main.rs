//! The project against its own description: `ARCHITECTURE.md` says what exists and what must hold, and these tests
//! compare it with the tree. They read files and ask cargo; they build and run nothing of the product.
//!
//! Start reading at `code_map.rs`.

#[cfg(test)]
mod checkout;
#[cfg(test)]
mod code_map;
#[cfg(test)]
mod compatibility;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod purity;
#[cfg(test)]
mod rust_source;
#[cfg(test)]
mod source_rules;
