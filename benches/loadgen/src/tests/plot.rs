//! The plot is drawn for no, one and many latencies.

use crate::plan::Outcome;
use crate::plot;

#[test]
fn any_histogram_can_be_drawn() {
    for latencies in [vec![], vec![1], vec![50_000], (1..100_000).collect::<Vec<u64>>()] {
        let mut histogram = Outcome::new().latency;
        latencies.iter().for_each(|latency| histogram.saturating_record(*latency));
        let svg = plot::svg(&histogram, "a < b & c");
        assert!(svg.contains("a &lt; b &amp; c"), "{svg}");
        assert!(svg.contains(">90 %</text>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}
