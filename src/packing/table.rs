//! Reads what the bar of compression measured (`benches/results`), for the tests that hold the server's decisions against its page.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

/// The links of the page, in MB/s: 100 Mb/s, 1, 10 and 25 Gb/s.
pub(crate) const LINKS_MB_S: [f64; 4] = [12.5, 125.0, 1_250.0, 3_125.0];
/// One part of a snapshot.
const PART_BYTES: &str = "131072";
/// The codecs of the server's levels.
const CODECS: [&str; 2] = ["brotli 1", "brotli 4"];
/// Compressing pays when it is faster by this factor, as the page says it.
const PAYS: f64 = 1.1;

/// What one level did with one kind of data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    compress_mb_s: f64,
    expand_mb_s: f64,
    ratio: f64,
}

impl Level {
    /// What so many bytes become.
    pub(crate) fn bytes(self, plain_bytes: u64) -> u64 {
        whole(plain_bytes as f64 / self.ratio)
    }

    pub(crate) fn compress_time(self, plain_bytes: u64) -> Duration {
        Duration::from_secs_f64(plain_bytes as f64 / (self.compress_mb_s * 1e6))
    }

    /// MB of plain bytes a second over a link: two cores and the link at the same time.
    pub(crate) fn packed_mb_s(self, link_mb_s: f64) -> f64 {
        self.compress_mb_s.min(self.expand_mb_s).min(link_mb_s * self.ratio)
    }
}

/// One kind of data of one result.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Of the server's two levels.
    pub(crate) levels: [Level; 2],
    /// By link, then by level: whether the page says that it pays.
    pays: Vec<[bool; 2]>,
}

impl Row {
    /// Which of the two levels moves more over a link, of those that shrink the data by a tenth.
    pub(crate) fn best(&self, link_mb_s: f64) -> Option<usize> {
        let shrinking = (0..self.levels.len()).filter(|at| self.levels[*at].ratio > 1.0 / 0.9);
        shrinking.min_by(|a, b| {
            let [a, b] = [a, b].map(|at| {
                let level = self.levels[*at];
                level.compress_mb_s.min(link_mb_s * level.ratio)
            });
            b.total_cmp(&a)
        })
    }

    /// Whether the page says that one of the levels pays on this link of [`LINKS_MB_S`].
    pub(crate) fn pays(&self, link: usize) -> bool {
        self.pays[link].contains(&true)
    }
}

/// As the server counts.
pub(crate) fn bytes_a_second(mb_s: f64) -> u64 {
    whole(mb_s * 1e6)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes and rates are small and positive"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// All kinds of data of all results.
///
/// Panics: there is no result, or one is not as `scripts/bars compression` writes it.
pub(crate) fn rows() -> Vec<Row> {
    let rows: Vec<Row> = files().iter().flat_map(|path| rows_of(path)).collect();
    assert!(!rows.is_empty(), "benches/results holds no result of scripts/bars compression");
    rows
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results");
    let entries = std::fs::read_dir(&folder).expect("benches/results is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    paths.filter(|path| path.to_string_lossy().ends_with("-compression.json")).collect()
}

fn rows_of(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).expect("a result can be read");
    let result: Value = serde_json::from_str(&text).expect("a result is JSON");
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ["random", "repeated", "struct", "json"]
        .into_iter()
        .map(|data| Row {
            name: format!("{data} of {file}"),
            levels: CODECS.map(|codec| level(&result, data, codec)),
            pays: LINKS_MB_S
                .iter()
                .map(|link| CODECS.map(|codec| verdict(&result, data, codec, *link)))
                .collect(),
        })
        .collect()
}

fn level(result: &Value, data: &str, codec: &str) -> Level {
    let cells = result["cells"].as_array().expect("a result has cells");
    let is_it = |cell: &&Value| {
        cell["data"] == data && cell["codec"] == codec && cell["bytes"] == PART_BYTES
    };
    let at = cells.iter().position(|it| is_it(&&it["cell"]));
    let figures = &cells[at.expect("both levels were measured")]["figures"];
    let median = |name: &str| figures[name]["median"].as_f64().expect("a figure has a median");
    Level {
        compress_mb_s: median("compress_mb_s"),
        expand_mb_s: median("expand_mb_s"),
        ratio: median("ratio"),
    }
}

/// What the page says of one codec on one link.
fn verdict(result: &Value, data: &str, codec: &str, link_mb_s: f64) -> bool {
    let page = result["break_even"].as_array().expect("a result has its page");
    let line = page.iter().find(|line| {
        line["data"] == data && line["codec"] == codec && line["link_mb_s"] == link_mb_s
    });
    let line = line.expect("the page has every link");
    line["pays"].as_bool().expect("the page has a verdict")
}

/// The page's verdicts follow from the rates beside them.
#[test]
fn the_page_follows_from_the_rates() {
    for row in rows() {
        for (at, link) in LINKS_MB_S.iter().enumerate() {
            let expected = row.levels.map(|level| level.packed_mb_s(*link) >= link * PAYS);
            assert_eq!(row.pays[at], expected, "{} at {link} MB/s", row.name);
        }
    }
}
