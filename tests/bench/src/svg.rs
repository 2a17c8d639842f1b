//! Bars as SVG: no script, no font of its own, readable on light and dark pages.

use std::fmt::Write as _;

use crate::page::{Chart, number};

const WIDTH: f64 = 820.0;
const LABELS: f64 = 300.0;
const NUMBERS: f64 = 110.0;
const ROW: f64 = 30.0;
const TOP: f64 = 44.0;
const FOOT: f64 = 30.0;

/// The picture.
pub fn draw(chart: &Chart, caption: &str) -> String {
    let height = TOP + ROW * chart.bars.len() as f64 + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"26\" font-size=\"15\" font-weight=\"600\" fill=\"#1f2328\">{title}</text>\n",
        title = escaped(&chart.title)
    );
    let least = positive(chart).fold(f64::INFINITY, f64::min);
    let most = positive(chart).fold(0.0, f64::max);
    let room = WIDTH - LABELS - NUMBERS - 12.0;
    for (index, bar) in chart.bars.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        let share = if bar.value <= 0.0 || most <= 0.0 {
            0.0
        } else if chart.logarithmic {
            // The smallest one gets a tenth of the room, so that it is seen.
            let span = (most / least).log10().max(1e-9);
            0.1 + 0.9 * (bar.value / least).log10() / span
        } else {
            bar.value / most
        };
        let length = (room * share).max(1.0);
        let colour = if bar.ours { "#e24329" } else { "#8c93a1" };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#1f2328\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{}\" width=\"{length:.1}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{}\" fill=\"#1f2328\">{} {}</text>",
            LABELS - 10.0,
            y + 14.0,
            escaped(&bar.label),
            y,
            LABELS + length + 8.0,
            y + 14.0,
            number(bar.value),
            escaped(chart.unit),
        );
    }
    let scale = if chart.logarithmic { " Logarithmic scale." } else { "" };
    let _ = writeln!(
        svg,
        "<text x=\"12\" y=\"{}\" font-size=\"11\" fill=\"#59636e\">{}{scale}</text>\n</svg>",
        height - 10.0,
        escaped(caption)
    );
    svg
}

fn positive(chart: &Chart) -> impl Iterator<Item = f64> {
    chart.bars.iter().map(|bar| bar.value).filter(|value| *value > 0.0)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Bar;

    #[test]
    fn a_longer_bar_is_more_and_text_is_escaped() {
        let bar = |label: &str, value| Bar {
            label: label.into(),
            value,
            ours: false,
        };
        let chart = Chart {
            file: "x".into(),
            title: "a < b".into(),
            unit: "s",
            logarithmic: true,
            bars: vec![bar("short", 1.0), bar("long", 100.0), bar("none", 0.0)],
        };
        let svg = draw(&chart, "2 cores");
        assert!(svg.contains("a &lt; b") && svg.contains("Logarithmic"));
        let widths: Vec<f64> = svg
            .split("width=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        assert!(widths[0] < widths[1] && widths[2] == 1.0, "{widths:?}");
    }
}
