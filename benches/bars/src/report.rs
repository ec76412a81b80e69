//! Owns what a bar found: the figures of its cells, repeat after repeat, and the lines that tell of them.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Map, Value, json};

/// The smallest, the middle and the largest of the repeats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: &[f64]) -> Self {
        assert!(!figures.is_empty(), "a cell has at least one repeat");
        let mut sorted = figures.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len() - 1;
        let middle = f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)]);
        Self { min: sorted[0], median: middle, max: sorted[last] }
    }
}

type CellKey = Vec<(&'static str, String)>;

/// The cells of one bar, in the order in which they first came.
#[derive(Debug, Default)]
pub(crate) struct Report {
    cells: Vec<(CellKey, BTreeMap<&'static str, Vec<f64>>)>,
    done: usize,
    of: usize,
}

impl Report {
    /// A report of `of` steps.
    pub(crate) fn new(of: usize) -> Self {
        let report = Self { cells: Vec::new(), done: 0, of };
        say(&json!({ "done": 0, "of": of }));
        report
    }

    /// One repeat of a cell, which is found by its words.
    pub(crate) fn add(&mut self, cell: &[(&'static str, &str)], figures: &[(&'static str, f64)]) {
        let key: CellKey = cell.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let at = self.cells.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            self.cells.push((key, BTreeMap::new()));
            self.cells.len() - 1
        });
        for (name, figure) in figures {
            self.cells[at].1.entry(name).or_default().push(*figure);
        }
    }

    /// One more step is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        say(&json!({ "done": self.done, "of": self.of }));
    }

    /// Writes all cells.
    pub(crate) fn finish(&self) {
        for (key, figures) in &self.cells {
            let cell: Map<String, Value> =
                key.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            let figures: Map<String, Value> = figures
                .iter()
                .map(|(name, samples)| {
                    let Spread { min, median, max } = Spread::of(samples);
                    let spread = json!({ "min": min, "median": median, "max": max, "repeats": samples.len() });
                    ((*name).to_owned(), spread)
                })
                .collect();
            say(&json!({ "cell": cell, "figures": figures }));
        }
    }
}

/// One line on standard output, at once.
pub(crate) fn say(value: &Value) {
    let mut out = std::io::stdout().lock();
    // Who reads no more has ended us; there is nobody to tell.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_the_middle() {
        for (figures, [min, median, max]) in [
            (&[3.0][..], [3.0, 3.0, 3.0]),
            (&[5.0, 1.0, 3.0], [1.0, 3.0, 5.0]),
            (&[4.0, 1.0, 2.0, 8.0], [1.0, 3.0, 8.0]),
        ] {
            assert_eq!(Spread::of(figures), Spread { min, median, max }, "{figures:?}");
        }
    }

    #[test]
    fn repeats_of_a_cell_come_together() {
        let mut report = Report::new(2);
        report.add(&[("a", "1")], &[("ns", 1.0)]);
        report.add(&[("a", "2")], &[("ns", 5.0)]);
        report.add(&[("a", "1")], &[("ns", 3.0)]);
        assert_eq!(report.cells.len(), 2);
        assert_eq!(report.cells[0].1["ns"], [1.0, 3.0]);
    }
}
