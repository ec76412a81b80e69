//! Latency by percentile as an SVG: both axes logarithmic, the percentiles towards 100.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
/// Points of the curve.
const STEPS: u32 = 300;
/// Nines on the axis at most: 99.9999 %.
const NINES_MAX: f64 = 6.0;

/// Draws the latencies, in nanoseconds, under a title.
pub(crate) fn svg(latency: &Histogram<u64>, title: &str) -> String {
    let nines = (latency.len().max(10) as f64).log10().ceil().clamp(2.0, NINES_MAX);
    let low = decade(latency.min().max(1) as f64, f64::floor);
    let high = decade(latency.max().max(10) as f64, f64::ceil).max(low * 10.0);
    let x = |at_nines: f64| LEFT + (WIDTH - LEFT - RIGHT) * at_nines / nines;
    let y = |ns: f64| {
        let part = (ns.clamp(low, high) / low).log10() / (high / low).log10();
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part
    };
    let mut body = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        writeln!(body, "{text}").expect("a string takes any text");
    };
    let mut at = 0.0;
    while at <= nines {
        let (x, label) = (x(at), percentile_label(at));
        line(format_args!(
            r##"<line x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{:.1}" stroke="#ddd"/>
<text x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"##,
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 18.0
        ));
        at += 1.0;
    }
    let mut ns = low;
    while ns <= high * 1.01 {
        let (y, label) = (y(ns), time_label(ns));
        line(format_args!(
            r##"<line x1="{LEFT}" y1="{y:.1}" x2="{:.1}" y2="{y:.1}" stroke="#ddd"/>
<text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"##,
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0
        ));
        ns *= 10.0;
    }
    let mut points = String::new();
    for step in 0..=STEPS {
        let at = nines * f64::from(step) / f64::from(STEPS);
        let ns = latency.value_at_quantile(1.0 - 10_f64.powf(-at)) as f64;
        write!(points, "{:.1},{:.1} ", x(at), y(ns)).expect("a string takes any text");
    }
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
<text x="{LEFT}" y="20" font-size="14" font-weight="bold">Latency by percentile</text>
<text x="{LEFT}" y="38" font-size="11" fill="#555">{title}</text>
{body}<polyline points="{}" fill="none" stroke="#1565c0" stroke-width="2"/>
<text x="{:.1}" y="{:.1}" text-anchor="middle">percentile of requests</text>
</svg>
"##,
        points.trim_end(),
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 16.0
    )
}

fn decade(value: f64, round: fn(f64) -> f64) -> f64 {
    10_f64.powf(round(value.log10()))
}

/// 0, 90, 99, 99.9, ..
fn percentile_label(nines: f64) -> String {
    let decimals = if nines > 2.0 { nines - 2.0 } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, reason = "at most four")]
    #[expect(clippy::cast_sign_loss, reason = "at least 0")]
    let decimals = decimals as usize;
    format!("{:.decimals$} %", 100.0 - 100.0 * 10_f64.powf(-nines))
}

fn time_label(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.0} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.0} ms", ns / 1e6),
        ns => format!("{:.0} s", ns / 1e9),
    }
}
