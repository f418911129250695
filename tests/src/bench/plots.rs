//! Pictures of how figures grow with the number of hospitals: one SVG for each curve, for `docs/performance.md`.

use std::{fs, path::Path};

use anyhow::{Context as _, anyhow};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{
    report::{Report, Row, Target},
    statistics::knee,
};

const SIZE: (u32, u32) = (640, 340);
/// Legible on a light page and on a dark one.
const BACKGROUND: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(51, 48, 45);
const SOFT: RGBColor = RGBColor(224, 221, 216);
const ACCENT: RGBColor = RGBColor(15, 118, 110);
const BOUND: RGBColor = RGBColor(180, 83, 9);
const FONT: &str = "sans-serif";

/// One figure at several sizes of a fleet.
struct Curve<'a> {
    name: &'a str,
    rows: Vec<(f64, &'a Row)>,
}

/// Draws every curve of a report that has at least two points. Answers the names of the files.
pub fn draw(report: &Report, folder: &Path) -> anyhow::Result<Vec<String>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut files = Vec::new();
    for scenario in &report.scenarios {
        for curve in curves(&scenario.rows) {
            let file = format!("{}-{}.svg", scenario.name, slug(curve.name));
            let drawing = picture(&curve).map_err(|error| anyhow!("{file} cannot be drawn: {error}"))?;
            fs::write(folder.join(&file), drawing).with_context(|| format!("cannot write {file}"))?;
            files.push(file);
        }
    }
    Ok(files)
}

fn curves(rows: &[Row]) -> Vec<Curve<'_>> {
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for row in rows {
        let Some(point) = &row.point else { continue };
        match curves.iter_mut().find(|curve| curve.name == point.curve) {
            Some(curve) => curve.rows.push((point.hospitals, row)),
            None => curves.push(Curve { name: &point.curve, rows: vec![(point.hospitals, row)] }),
        }
    }
    curves.retain(|curve| curve.rows.len() > 1);
    curves
}

/// What a file of this name can be called.
fn slug(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

fn picture(curve: &Curve<'_>) -> Result<String, Box<dyn std::error::Error>> {
    let measured: Vec<(f64, f64)> = curve.rows.iter().map(|(x, row)| (*x, row.summary.median)).collect();
    let bounds: Vec<(f64, f64)> = curve.rows.iter().filter_map(|(x, row)| Some((*x, bound(row)?))).collect();
    let unit = curve.rows.first().map(|(_, row)| row.unit.symbol()).unwrap_or_default();
    // With room for what stands beside the outermost points.
    let (first, last) = (measured[0].0 * 0.85, measured[measured.len() - 1].0 * 1.18);
    let highest = measured.iter().chain(&bounds).map(|point| point.1).fold(0.0, f64::max) * 1.12;

    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&BACKGROUND)?;
        let label = |size: u32| (FONT, size).into_font().color(&INK);
        let mut chart = ChartBuilder::on(&area)
            .caption(format!("{} ({unit})", curve.name), label(16))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d((first..last).log_scale(), 0.0..highest.max(f64::MIN_POSITIVE))?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(SOFT)
            .axis_style(INK)
            .label_style(label(12))
            .x_desc("hospitals")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| if highest < 10.0 { format!("{y:.1}") } else { format!("{y:.0}") })
            .draw()?;
        if bounds.len() == measured.len() {
            chart.draw_series(DashedLineSeries::new(bounds.clone(), 6, 4, BOUND.stroke_width(1)))?;
        }
        if let Some(knee) = knee(&measured) {
            chart.draw_series(DashedLineSeries::new([(knee, 0.0), (knee, highest)], 3, 3, INK.stroke_width(1)))?;
            let style = (FONT, 12).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
            chart.draw_series([Text::new(format!("knee at {knee:.0}"), (knee * 1.02, highest), style)])?;
        }
        chart.draw_series(LineSeries::new(measured.clone(), ACCENT.stroke_width(2)))?;
        let value = (FONT, 12).into_font().color(&INK).pos(Pos::new(HPos::Center, VPos::Bottom));
        chart.draw_series(measured.iter().map(|&(x, y)| {
            EmptyElement::at((x, y))
                + Circle::new((0, 0), 4, ACCENT.filled())
                + Text::new(rounded(y), (0, -8), value.clone())
        }))?;
        area.present()?;
    }
    Ok(svg)
}

fn bound(row: &Row) -> Option<f64> {
    row.target.map(|target| match target {
        Target::AtMost(bound) | Target::AtLeast(bound) => bound,
    })
}

fn rounded(value: f64) -> String {
    match value {
        small if small < 10.0 => format!("{small:.2}"),
        medium if medium < 100.0 => format!("{medium:.1}"),
        large => format!("{large:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Unit;

    #[test]
    fn a_curve_has_each_size_and_its_bound() {
        let row = |hospitals: f64, value: f64| {
            let row = Row::new("memory", Unit::Mebibytes, &[value]).unwrap();
            row.at_most(40.0 + hospitals).of_curve("Operator's memory", hospitals)
        };
        let rows = [row(10.0, 22.5), row(1000.0, 39.0), Row::new("else", Unit::Percent, &[1.0]).unwrap()];
        let curves = curves(&rows);
        assert_eq!(curves.len(), 1);
        assert_eq!(slug(curves[0].name), "operator-s-memory");
        let svg = picture(&curves[0]).unwrap();
        for part in ["22.5", "39.0", "hospitals", "memory (MiB)"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn where_a_curve_turns_is_marked() {
        let row = |hospitals: f64| {
            let rate = if hospitals <= 400.0 { 20.0 - hospitals / 50.0 } else { 11.5 };
            Row::new("made", Unit::PerSecond, &[rate]).unwrap().of_curve("made", hospitals)
        };
        let rows: Vec<Row> = (1..=20).map(|part| row(f64::from(part) * 50.0)).collect();
        let svg = picture(&curves(&rows)[0]).unwrap();
        assert!(svg.contains("knee at 400"), "{svg}");
        assert!(!picture(&curves(&rows[..4])[0]).unwrap().contains("knee"));
    }

    #[test]
    fn the_pictures_in_the_documentation_are_those_of_its_figures() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance");
        let files = |kind: &str| -> Vec<String> {
            let names = fs::read_dir(&page).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<_> =
                names.filter(|name| Path::new(name).extension().is_some_and(|e| e == kind)).collect();
            names.sort();
            names
        };
        let folder = tempfile::tempdir().unwrap();
        let mut drawn = Vec::new();
        for figures in files("json") {
            let report: Report = serde_json::from_str(&fs::read_to_string(page.join(&figures)).unwrap()).unwrap();
            for file in draw(&report, folder.path()).unwrap() {
                let (is, should) =
                    (fs::read_to_string(page.join(&file)), fs::read_to_string(folder.path().join(&file)));
                assert!(
                    is.unwrap() == should.unwrap(),
                    "{file} is not what bench draws of {figures}: see bench --redraw"
                );
                drawn.push(file);
            }
        }
        drawn.sort();
        assert_eq!(files("svg"), drawn);
    }
}
