//! Kubernetes quantities as numbers.

use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

/// Reads a quantity that may be written as text or number: `4` is a quantity to Kubernetes, and a
/// number to JSON.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(serde::de::Error::custom(
            "a quantity such as 500m or 2Gi was expected",
        )),
    }
}

/// A quantity as a fraction: `numerator / denominator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fraction {
    numerator: u128,
    denominator: u128,
}

/// Bytes of a quantity such as `1.5Gi`, rounded down; `None` if it is no quantity, or is too large.
pub fn bytes(text: &str) -> Option<u64> {
    let fraction = parse(text)?;
    u64::try_from(fraction.numerator / fraction.denominator).ok()
}

/// Thousandths of a quantity such as `500m` or `2`, rounded up; `None` if it is no quantity, or is
/// too large.
pub fn millis(text: &str) -> Option<u64> {
    let fraction = parse(text)?;
    let millis = fraction.numerator.checked_mul(1000)?;
    u64::try_from(millis.div_ceil(fraction.denominator)).ok()
}

/// Reads `digits[.digits][suffix | e[+-]digits]`. Negative quantities are refused: nothing here can be
/// less than nothing.
fn parse(text: &str) -> Option<Fraction> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && decimals.is_empty() || decimals.len() > 18 {
        return None;
    }
    let digits = format!("{whole}{decimals}").parse::<u128>().ok()?;
    let scale = 10_u128.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let (times, over) = multiplier(suffix)?;
    Some(Fraction {
        numerator: digits.checked_mul(times)?,
        denominator: scale.checked_mul(over)?,
    })
}

fn multiplier(suffix: &str) -> Option<(u128, u128)> {
    let binary = |power: u32| 1_u128.checked_shl(10 * power);
    let decimal = |power: u32| 10_u128.checked_pow(power);
    let times = match suffix {
        "" => 1,
        "n" => return Some((1, decimal(9)?)),
        "u" => return Some((1, decimal(6)?)),
        "m" => return Some((1, decimal(3)?)),
        "k" => decimal(3)?,
        "M" => decimal(6)?,
        "G" => decimal(9)?,
        "T" => decimal(12)?,
        "P" => decimal(15)?,
        "E" => decimal(18)?,
        "Ki" => binary(1)?,
        "Mi" => binary(2)?,
        "Gi" => binary(3)?,
        "Ti" => binary(4)?,
        "Pi" => binary(5)?,
        "Ei" => binary(6)?,
        exponent => {
            let exponent = exponent.strip_prefix(['e', 'E'])?;
            return match exponent.strip_prefix('-') {
                Some(negative) => Some((1, decimal(negative.parse().ok()?)?)),
                None => Some((decimal(exponent.parse().ok()?)?, 1)),
            };
        }
    };
    Some((times, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, expected) in [
            ("0", 0),
            ("128974848", 128_974_848),
            ("129e6", 129_000_000),
            ("129M", 129_000_000),
            ("128974848000m", 128_974_848),
            ("123Mi", 128_974_848),
            ("1.5Gi", 1_610_612_736),
            (".5Ki", 512),
            ("+1k", 1000),
            ("1E", 1_000_000_000_000_000_000),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        assert_eq!(millis("500m"), Some(500));
        assert_eq!(millis("2"), Some(2000));
        assert_eq!(millis("0.1"), Some(100));
        assert_eq!(millis("1u"), Some(1), "rounded up");
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            ".",
            "-1",
            "1 Gi",
            "1gi",
            "Gi",
            "1e",
            "1.2.3",
            "1e99",
            "99Ei999",
            "1.0000000000000000001",
        ] {
            assert_eq!(bytes(text), None, "{text:?}");
        }
        assert_eq!(bytes("99999999999999999999"), None, "too large");
    }
}
