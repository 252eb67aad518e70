//! Somebody else's figures, to stand beside ours: a file of the user's, YAML or JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::cell::{Cell, Fault, Interval};
use crate::site::id::ServiceName;
use crate::site::yaml;

/// Figures by cell.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Whose they are; heads their column.
    pub source: String,
    pub cells: Vec<Figures>,
}

/// Of one service at one interval.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    pub service: ServiceName,
    pub fault: Fault,
    pub interval_s: Interval,
    #[serde(default)]
    pub deterministic_s: Option<f64>,
    #[serde(default)]
    pub migration_s: Option<f64>,
    pub response_s: f64,
    /// Interval / response where it is not that of `response_s`.
    #[serde(default)]
    pub ratio: Option<f64>,
}

/// What stands in tables 1 and 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Times {
    pub deterministic_s: Option<f64>,
    pub migration_s: Option<f64>,
    pub response_s: f64,
}

impl Reference {
    /// # Errors
    /// The file cannot be read, or says something else.
    pub fn load(file: &Path) -> Result<Self> {
        let read = || {
            let reference: Self = serde_json::from_value(yaml::to_json(file, &fs::read_to_string(file)?)?)?;
            let positive = reference.cells.iter().all(|cell| cell.response_s > 0.0);
            ensure!(positive, "a response is not above zero");
            Ok(reference)
        };
        read().with_context(|| format!("failed to read the reference {}", file.display()))
    }

    fn figures(&self, cell: &Cell) -> Option<&Figures> {
        self.cells.iter().find(|figures| {
            figures.service == cell.service
                && figures.fault == cell.fault
                && figures.interval_s == cell.interval
        })
    }

    pub fn times(&self, cell: &Cell) -> Option<Times> {
        self.figures(cell).map(|figures| Times {
            deterministic_s: figures.deterministic_s,
            migration_s: figures.migration_s,
            response_s: figures.response_s,
        })
    }

    /// Interval / response.
    pub fn ratio(&self, cell: &Cell) -> Option<f64> {
        let figures = self.figures(cell)?;
        Some(figures.ratio.unwrap_or_else(|| cell.interval.as_secs() / figures.response_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_figures_is_found_by_cell() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.yml");
        let text = "source: another cluster\ncells:\n  - { service: web, fault: cut, interval_s: 4, response_s: 5 }\n";
        fs::write(&file, text).unwrap();
        let reference = Reference::load(&file).unwrap();
        let cell = |interval: &str| Cell {
            service: "web".try_into().unwrap(),
            fault: Fault::Cut,
            interval: interval.parse().unwrap(),
        };
        assert!((reference.times(&cell("4")).unwrap().response_s - 5.0).abs() < 1e-9);
        assert!((reference.ratio(&cell("4")).unwrap() - 0.8).abs() < 1e-9);
        assert_eq!(reference.times(&cell("8")), None);
        fs::write(&file, "source: x\ncells: [{ servce: web }]\n").unwrap();
        assert!(Reference::load(&file).is_err());
    }
}
