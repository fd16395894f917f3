//! A histogram as a drawing (SVG), without inline styles: a bar for each bucket, its number as the bar's title.

use std::fmt::Write;

use super::super::figures::{count, time};
use super::super::model::Histogram;

/// Size of the drawing, in its own units.
const WIDTH: f64 = 660.0;
const HEIGHT: f64 = 90.0;
/// Every so many bars have a label.
const LABELS: usize = 4;

/// Draws it, folded open.
pub(super) fn draw(out: &mut String, title: &str, id: &str, histogram: &Histogram) {
    if histogram.count == 0 {
        return;
    }
    let mean = time(histogram.sum / histogram.count.max(1) as f64);
    let _ = writeln!(
        out,
        "<details id=\"{id}\" open><summary>{title}: {} requests, mean {mean}</summary>\n\
         <svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{title}\">",
        count(histogram.count),
        HEIGHT + 16.0
    );
    let most = histogram.buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / histogram.buckets.len().max(1) as f64;
    for (at, bucket) in histogram.buckets.iter().enumerate() {
        let (x, height) = (at as f64 * step, bucket.count as f64 / most * HEIGHT);
        let height = if bucket.count == 0 { 0.0 } else { height.max(1.5) };
        let limit = bucket.to.map_or_else(|| "longer".to_owned(), |to| format!("up to {}", time(to)));
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{limit}: {}</title></rect>",
            x + 1.0,
            HEIGHT - height,
            step - 2.0,
            count(bucket.count)
        );
        if let Some(to) = bucket.to.filter(|_| at % LABELS == LABELS - 1) {
            let _ =
                writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + step, HEIGHT + 13.0, time(to));
        }
    }
    out.push_str("</svg></details>\n");
}
