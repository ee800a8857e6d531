//! Tables for people.

/// Rows with their columns aligned: those in `right` to the right, the others to the left.
pub(super) fn table<const N: usize>(rows: &[[String; N]], right: &[usize]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            // A width in a format string ends at 65,535.
            let blanks = " ".repeat(widths[column] - cell.chars().count());
            if right.contains(&column) { blanks + cell } else { cell.clone() + &blanks }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_may_be_longer_than_any_line() {
        let long = "x".repeat(70_000);
        let rows = [["a", "b"], [long.as_str(), "12"]].map(|row| row.map(str::to_owned));
        let text = table(&rows, &[1]);
        assert_eq!(text, format!("a{}   b\n{long}  12\n", " ".repeat(69_999)));
    }
}
