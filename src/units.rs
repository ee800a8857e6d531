//! Counts and sizes as people read them.

use std::fmt;

use unit_prefix::NumberPrefix;

/// A count with a comma after each three digits: `12,345`.
pub(crate) struct HumanCount(pub(crate) u64);

impl fmt::Display for HumanCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A size in units of 1,024: `12.06 KiB`.
pub(crate) struct HumanBytes(pub(crate) u64);

impl fmt::Display for HumanBytes {
    #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NumberPrefix::binary(self.0 as f64) {
            NumberPrefix::Standalone(bytes) => write!(f, "{bytes:.0} B"),
            NumberPrefix::Prefixed(prefix, number) => write!(f, "{number:.2} {prefix}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas() {
        let shown = [0, 7, 999, 1000, 12_345, 999_999, 1_000_000].map(|n| HumanCount(n).to_string());
        assert_eq!(shown, ["0", "7", "999", "1,000", "12,345", "999,999", "1,000,000"]);
        assert_eq!(HumanCount(u64::MAX).to_string(), "18,446,744,073,709,551,615");
    }

    #[test]
    fn sizes_have_a_unit() {
        let shown = [0, 1023, 1024, 12_345, 1 << 20, 3 << 40].map(|n| HumanBytes(n).to_string());
        assert_eq!(shown, ["0 B", "1023 B", "1.00 KiB", "12.06 KiB", "1.00 MiB", "3.00 TiB"]);
    }
}
