//! Figures that pages quote from the results are those of the rounds that were measured.

use std::fs;

use serde_json::Value;

use super::page::pages;

/// `<!-- results web cut 4 -->`: where the time went, on the mean over the rounds of this service, fault and interval.
#[test]
fn quoted_figures_are_those_that_were_measured() {
    let text = fs::read_to_string("book/src/results/rounds.json").unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    let rounds = results["rounds"].as_array().unwrap();
    for page in pages() {
        page.hold("results", |cell| {
            let [service, fault, interval] = cell.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{}: `{cell}` is no cell: SERVICE FAULT INTERVAL", page.path.display())
            };
            let interval: f64 = interval.parse().expect("seconds");
            let here = |round: &&Value| {
                round["service"] == service && round["fault"] == fault && round["interval_s"] == interval
            };
            let rounds: Vec<&Value> = rounds.iter().filter(here).collect();
            table(&rounds)
        });
    }
}

fn table(rounds: &[&Value]) -> String {
    let mean = |key: &str| {
        let values: Vec<f64> = rounds.iter().filter_map(|round| round[key].as_f64()).collect();
        assert!(!values.is_empty(), "there are no such rounds");
        #[expect(clippy::cast_precision_loss, reason = "rounds are few")]
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        format!("{mean:.3} s")
    };
    format!(
        "| | mean of {} rounds |\n|---|---:|\n\
         | from the failure until the takeover begins | {} |\n\
         | from there until a client is served again | {} |\n\
         | together | {} |\n",
        rounds.len(),
        mean("deterministic_s"),
        mean("migration_s"),
        mean("response_s")
    )
}
