//! The definitions as users meet them: manifests of MOCO's users taken unchanged, and every field mutated.

#[cfg(test)]
mod given;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod mutations;
