//! Columns of text.

/// Between two columns.
const GAP: &str = "  ";

/// A row of a table.
pub(crate) struct Row<const N: usize> {
    /// One text a column.
    pub(crate) cells: [String; N],
    /// What is too long for a column, below the row.
    pub(crate) below: Vec<String>,
}

/// The header and the rows, each column as wide as its widest text, with a line break at the end.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[Row<N>]) -> String {
    let mut widths = header.map(width);
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(&row.cells) {
            *widest = (*widest).max(width(cell));
        }
    }
    let mut text = line(&header, &widths);
    for row in rows {
        text.push_str(&line(&row.cells.each_ref().map(String::as_str), &widths));
        for below in &row.below {
            text.extend([GAP, GAP, below, "\n"]);
        }
    }
    text
}

fn line<const N: usize>(cells: &[&str; N], widths: &[usize; N]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}"));
    let joined = padded.collect::<Vec<_>>().join(GAP);
    format!("{}\n", joined.trim_end())
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text_and_lines_end_without_blanks() {
        let row = |cells: [&str; 2], below: &[&str]| Row {
            cells: cells.map(str::to_owned),
            below: below.iter().map(ToString::to_string).collect(),
        };
        let rows = [row(["größer", ""], &[]), row(["b", "c"], &["why"])];
        assert_eq!(
            table(["A", "BB"], &rows),
            "A       BB\ngrößer\nb       c\n    why\n"
        );
    }
}
