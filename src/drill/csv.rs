//! Rounds as comma-separated values (RFC 4180), one line each. Pure.

use std::fmt::{Display, Write};

use super::record::{Document, Round};

const COLUMNS: &str = "service,fault,interval_s,round,at,phase,from,to,deterministic_s,migration_s,response_s,outage_ms,\
                       inject_ms,looks,load,disturbed,because,how,failed";

/// The whole file, with its line of names.
pub fn csv(document: &Document) -> String {
    let mut text = format!("{COLUMNS}\r\n");
    for round in &document.rounds {
        let cells = cells(round).map(|cell| quoted(&cell)).join(",");
        // Writing to a String cannot fail.
        let _ = write!(text, "{cells}\r\n");
    }
    text
}

fn cells(round: &Round) -> [String; 19] {
    fn or_empty(value: Option<&impl Display>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    [
        round.service.to_string(),
        round.fault.to_string(),
        round.interval_s.as_secs().to_string(),
        round.round.to_string(),
        round.at.to_string(),
        round.phase.to_string(),
        round.from.to_string(),
        or_empty(round.to.as_ref()),
        or_empty(round.deterministic_s.as_ref()),
        or_empty(round.migration_s.as_ref()),
        or_empty(round.response_s.as_ref()),
        or_empty(round.outage_ms.as_ref()),
        round.inject_ms.to_string(),
        round.looks.to_string(),
        round.load.to_string(),
        round.disturbed.to_string(),
        or_empty(round.because.as_ref()),
        round.how.clone(),
        or_empty(round.failed.as_ref()),
    ]
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::made_up;

    #[test]
    fn every_round_is_a_line_of_as_many_cells_as_there_are_names() {
        let mut document = made_up::document();
        document.rounds.truncate(2);
        document.rounds[1].because = Some("it said \"no\", twice".to_owned());
        insta::assert_snapshot!(csv(&document).replace("\r\n", "\n"));
        assert_eq!(COLUMNS.split(',').count(), cells(&document.rounds[0]).len());
    }
}
