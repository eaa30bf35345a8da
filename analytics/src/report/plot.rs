//! The plot of a supply as SVG: the levels that were read, changes of the cartridge, the forecast as a fan, and what really
//! happened where that is known. One self-contained picture; nothing in it is fetched. Text is escaped.
//!
//! SVG is written directly: the picture has a dozen kinds of element, and a drawing library would measure text with fonts of its own.

use std::fmt::Write as _;

use super::plot_axis::{Axis, date};
use super::wrapped;

/// What is drawn. Moments are days since 1970 (UTC), levels percent.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    pub title: String,
    pub subtitle: String,
    /// The moment of the forecast.
    pub now: f64,
    /// Oldest first; `None`: the device said only that some is left.
    pub levels: Vec<(f64, Option<f64>)>,
    pub swaps: Vec<Change>,
    pub fan: Option<Fan>,
    /// What was read after `now`, which the forecast did not know.
    pub later: Vec<(f64, Option<f64>)>,
    /// When it was really empty.
    pub actual: Option<f64>,
    /// The reason in words, below the picture.
    pub reason: String,
}

/// A change of the cartridge.
#[derive(Debug, Clone)]
pub struct Change {
    pub at: f64,
    pub note: String,
}

/// The forecast: level now and days from now until empty.
#[derive(Debug, Clone, Copy)]
pub struct Fan {
    pub level: f64,
    pub p10: f64,
    pub p50: f64,
    pub p90: f64,
}

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 976.0;
const TOP: f64 = 96.0;
const BOTTOM: f64 = 396.0;
/// Days of history shown, so that what is coming has room.
const BEFORE_MAX: f64 = 200.0;
/// A forecast beyond this is cut at the edge; the text below says it in full.
const AHEAD_MAX: f64 = 150.0;
/// Characters of the reason in a line.
const LINE: usize = 150;

const INK: &str = "#1f2937";
const PALE: &str = "#6b7280";
const LEVEL: &str = "#2563eb";
const FAN: &str = "#f59e0b";
const SWAP: &str = "#059669";
const ACTUAL: &str = "#dc2626";

/// The picture.
pub fn render(plot: &Plot) -> String {
    let axis = axis(plot);
    let lines = wrapped(&plot.reason, LINE);
    let height = BOTTOM + 60.0 + 17.0 * lines.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"{INK}\" role=\"img\">\n\
         <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        title = escaped(&plot.title),
    );
    text(&mut svg, LEFT, 30.0, "font-size=\"18\" font-weight=\"bold\"", &plot.title);
    text(&mut svg, LEFT, 52.0, &format!("fill=\"{PALE}\""), &plot.subtitle);
    legend(&mut svg, plot);
    frame(&mut svg, &axis);
    changes(&mut svg, plot, &axis);
    fan(&mut svg, plot, &axis);
    levels(&mut svg, &plot.levels, &axis, LEVEL, 1.8);
    levels(&mut svg, &plot.later, &axis, PALE, 1.2);
    ends(&mut svg, plot, &axis);
    for (i, line) in lines.iter().enumerate() {
        text(&mut svg, LEFT, BOTTOM + 58.0 + 17.0 * i as f64, &format!("font-size=\"12\" fill=\"{PALE}\""), line);
    }
    svg.push_str("</svg>\n");
    svg
}

fn axis(plot: &Plot) -> Axis {
    let first = plot.levels.first().map_or(plot.now - 30.0, |one| one.0).max(plot.now - BEFORE_MAX);
    let known = [plot.fan.map(|fan| plot.now + fan.p90), plot.actual, plot.later.last().map(|one| one.0)];
    let last = known.into_iter().flatten().fold(plot.now + 14.0, f64::max).min(plot.now + AHEAD_MAX);
    Axis { first, last: last + 0.03 * (last - first), left: LEFT, right: RIGHT, top: TOP, bottom: BOTTOM }
}

fn frame(svg: &mut String, axis: &Axis) {
    for level in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let y = axis.y(level);
        line(svg, (LEFT, y), (RIGHT, y), "stroke=\"#e5e7eb\"");
        text(svg, LEFT - 8.0, y + 4.0, &format!("text-anchor=\"end\" fill=\"{PALE}\""), &format!("{level:.0} %"));
    }
    for (moment, label) in axis.ticks() {
        let x = axis.x(moment);
        line(svg, (x, BOTTOM), (x, BOTTOM + 5.0), &format!("stroke=\"{PALE}\""));
        text(svg, x, BOTTOM + 20.0, &format!("text-anchor=\"middle\" font-size=\"12\" fill=\"{PALE}\""), &label);
    }
    line(svg, (LEFT, BOTTOM), (RIGHT, BOTTOM), &format!("stroke=\"{PALE}\""));
}

/// A cartridge's reads as steps; a new cartridge or a long silence begins a new line.
fn levels(svg: &mut String, levels: &[(f64, Option<f64>)], axis: &Axis, color: &str, width: f64) {
    let mut path = String::new();
    let mut before: Option<(f64, f64)> = None;
    for (at, level) in levels.iter().filter(|one| one.0 >= axis.first) {
        let Some(level) = level else {
            before = None;
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"1.6\" fill=\"none\" stroke=\"{color}\" stroke-width=\"0.8\"/>",
                axis.x(*at),
                axis.y(3.0)
            );
            continue;
        };
        let (x, y) = (axis.x(*at), axis.y(*level));
        match before {
            // Of a level that stays, only the first and the last read are there.
            Some((earlier, old)) if (*level - old).abs() < 0.01 || (*at - earlier < 10.0 && *level <= old + 6.0) => {
                let _ = write!(path, "L{x:.1} {:.1}L{x:.1} {y:.1}", axis.y(old));
            }
            _ => {
                let _ = write!(path, "M{x:.1} {y:.1}");
            }
        }
        before = Some((*at, *level));
    }
    if !path.is_empty() {
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" stroke-linecap=\"round\"/>"
        );
    }
}

fn changes(svg: &mut String, plot: &Plot, axis: &Axis) {
    // Labels of changes that stand close together take turns in two rows.
    let mut edges = [f64::NEG_INFINITY; 2];
    for change in plot.swaps.iter().filter(|change| change.at >= axis.first) {
        let x = axis.x(change.at);
        line(svg, (x, TOP - 2.0), (x, BOTTOM), &format!("stroke=\"{SWAP}\" stroke-dasharray=\"2 3\""));
        let width = 7.0 * change.note.chars().count() as f64;
        let row = usize::from(edges[0] > x);
        if edges[row] <= x && x + width < RIGHT + 20.0 {
            let y = TOP - 6.0 - 13.0 * row as f64;
            text(svg, x + 2.0, y, &format!("font-size=\"11\" fill=\"{SWAP}\""), &change.note);
            edges[row] = x + width;
        }
    }
}

fn fan(svg: &mut String, plot: &Plot, axis: &Axis) {
    let x = axis.x(plot.now);
    line(svg, (x, TOP), (x, BOTTOM), &format!("stroke=\"{INK}\" stroke-width=\"1\""));
    let (x_label, anchor) = if x + 140.0 > WIDTH { (x - 4.0, "end") } else { (x + 4.0, "start") };
    let style = format!("font-size=\"11\" text-anchor=\"{anchor}\"");
    text(svg, x_label, TOP + 12.0, &style, &format!("forecast of {}", date(plot.now)));
    let Some(fan) = plot.fan else {
        return;
    };
    let at = |days: f64| axis.x(plot.now + days);
    let (y, early, middle, late) = (axis.y(fan.level), at(fan.p10), at(fan.p50), at(fan.p90));
    let _ = writeln!(
        svg,
        "<clipPath id=\"in\"><rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/></clipPath>\n\
         <g clip-path=\"url(#in)\"><path d=\"M{x:.1} {y:.1}L{:.1} {BOTTOM}L{:.1} {BOTTOM}Z\" fill=\"{FAN}\" fill-opacity=\"0.25\"/>\n\
         <path d=\"M{x:.1} {y:.1}L{:.1} {BOTTOM}\" stroke=\"{FAN}\" stroke-width=\"2\" stroke-dasharray=\"6 4\"/></g>",
        RIGHT - LEFT,
        BOTTOM - TOP,
        early,
        late,
        middle
    );
}

/// Dates on the axis: the three quantiles and the real end.
fn ends(svg: &mut String, plot: &Plot, axis: &Axis) {
    if let Some(fan) = plot.fan {
        for (days, radius) in [(fan.p10, 3.0), (fan.p90, 3.0), (fan.p50, 4.5)] {
            let x = axis.x(plot.now + days);
            if x <= RIGHT {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{BOTTOM}\" r=\"{radius}\" fill=\"{FAN}\" stroke=\"#ffffff\"/>"
                );
            }
        }
        let at = |days: f64| date(plot.now + days);
        let label = format!("P10 {} · P50 {} · P90 {}", at(fan.p10), at(fan.p50), at(fan.p90));
        let half = 165.0;
        let x = axis.x(plot.now + fan.p50).clamp(LEFT + half, RIGHT + 20.0 - half);
        text(svg, x, BOTTOM + 37.0, "text-anchor=\"middle\" font-size=\"11\" fill=\"#b45309\"", &label);
    }
    if let Some(actual) = plot.actual.filter(|actual| *actual <= axis.last) {
        let x = axis.x(actual);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {:.1}l6 6l-6 6l-6 -6Z\" fill=\"{ACTUAL}\" stroke=\"#ffffff\"/>",
            BOTTOM - 6.0
        );
        let label = format!("empty {}", date(actual));
        text(svg, x, BOTTOM - 12.0, &format!("text-anchor=\"middle\" font-size=\"11\" fill=\"{ACTUAL}\""), &label);
    }
}

fn legend(svg: &mut String, plot: &Plot) {
    let mut entries = vec![(LEVEL, "level read")];
    if plot.levels.iter().any(|one| one.1.is_none()) {
        entries.push((LEVEL, "o  some left"));
    }
    if !plot.swaps.is_empty() {
        entries.push((SWAP, "new cartridge"));
    }
    if plot.fan.is_some() {
        entries.push((FAN, "forecast, 8 of 10 cases"));
    }
    if !plot.later.is_empty() {
        entries.push((PALE, "read later"));
    }
    if plot.actual.is_some() {
        entries.push((ACTUAL, "really empty"));
    }
    let width = |label: &str| 24.0 + 6.6 * label.chars().count() as f64 + 14.0;
    let mut x = RIGHT - entries.iter().map(|entry| width(entry.1)).sum::<f64>();
    for (color, label) in entries {
        let _ = writeln!(svg, "<rect x=\"{x:.1}\" y=\"21\" width=\"16\" height=\"8\" rx=\"2\" fill=\"{color}\"/>");
        text(svg, x + 22.0, 30.0, "font-size=\"12\"", label);
        x += width(label);
    }
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), style: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {style}/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, x: f64, y: f64, style: &str, what: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{}</text>", escaped(what));
}

/// Text as XML takes it; control characters are no text.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        Plot {
            title: "d1 <K> & \"co\"".to_owned(),
            now: 20_100.0,
            levels: (0..100).map(|i| (20_000.0 + f64::from(i), Some(100.0 - f64::from(i)))).collect(),
            swaps: vec![Change { at: 20_040.0, note: "12 % thrown away".to_owned() }],
            fan: Some(Fan { level: 5.0, p10: 3.0, p50: 6.0, p90: 11.0 }),
            actual: Some(20_107.0),
            reason: "about 5 % left".to_owned(),
            ..Plot::default()
        }
    }

    #[test]
    fn a_picture_names_the_quantiles_the_change_and_the_real_end_by_date() {
        let svg = render(&plot());
        // 20 100 days after 1970-01-01 is 2025-01-12.
        for wanted in
            ["P50 2025-01-18", "empty 2025-01-19", "12 % thrown away", "forecast of 2025-01-12", "about 5 % left"]
        {
            assert!(svg.contains(wanted), "{wanted} in {svg}");
        }
    }

    #[test]
    fn what_a_printer_calls_itself_is_text_and_never_markup() {
        let svg = render(&plot());
        assert!(svg.contains("d1 &lt;K&gt; &amp; &quot;co&quot;") && !svg.contains("<K>"));
        assert!(!render(&Plot { title: "a\u{1b}[31m\u{0}".to_owned(), ..plot() }).contains(['\u{1b}', '\u{0}']));
    }

    #[test]
    fn an_empty_history_and_a_forecast_beyond_the_edge_are_still_a_picture() {
        let far = Fan { level: 80.0, p10: 200.0, p50: 300.0, p90: 400.0 };
        let svg = render(&Plot { levels: Vec::new(), fan: Some(far), ..plot() });
        assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"));
    }
}
