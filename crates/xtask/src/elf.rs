//! Whether a program is linked statically: images hold nothing but it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The program header type of a segment that names a loader.
const PT_INTERP: u32 = 3;

/// True if the 64-bit little-endian ELF program at `path` asks for no loader.
pub(crate) fn is_static(path: &Path) -> Result<bool> {
    let mut head = Vec::new();
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    file.take(4096)
        .read_to_end(&mut head)
        .with_context(|| format!("read {}", path.display()))?;
    if head.get(..5) != Some(b"\x7fELF\x02") {
        bail!("{} is not a 64-bit ELF program", path.display());
    }
    let table = usize::try_from(number(&head, 32, 8)?)?;
    let size = usize::try_from(number(&head, 54, 2)?)?;
    let count = usize::try_from(number(&head, 56, 2)?)?;
    for entry in 0..count {
        if number(&head, table + entry * size, 4)? == u64::from(PT_INTERP) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn number(bytes: &[u8], at: usize, width: usize) -> Result<u64> {
    let field = bytes
        .get(at..at + width)
        .context("ELF header is cut short")?;
    Ok(field
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_program_is_not_static() {
        assert!(!is_static(Path::new("/bin/ls")).unwrap());
    }

    #[test]
    fn a_script_is_no_program() {
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), "#!/bin/sh\n").unwrap();
        assert!(is_static(script.path()).is_err());
    }
}
