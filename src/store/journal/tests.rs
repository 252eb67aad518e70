//! What is written is read; what was edited is named; what was torn is left out.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn plain() -> Redactor {
    Arc::new(|text: &str| text.replace("s3cret", "***"))
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    (folder, path)
}

fn written(values: &[Value]) -> String {
    let (_folder, path) = place();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let journal = Journal::create(&path, None, plain()).unwrap();
        let (last, others) = values.split_last().unwrap();
        for value in others {
            journal.note(value);
        }
        journal.keep(last).await.unwrap();
    });
    std::fs::read_to_string(path).unwrap()
}

fn values(text: &str) -> Vec<Value> {
    read::<Value>(text).unwrap().records.into_iter().map(|sealed| sealed.record).collect()
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e9..1.0e9).prop_map(Value::from),
        "\\PC*".prop_map(|text| Value::from(text.replace("s3cret", ""))),
        Just(Value::Null),
    ];
    let tree = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("x[a-z]*", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("x[a-z\"\\\\,:]*", tree, 0..5)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_journal_is_read_as_written_and_any_change_is_found(
        records in prop::collection::vec(value(), 1..6),
        at in any::<prop::sample::Index>(),
    ) {
        let text = written(&records);
        prop_assert_eq!(verify(&text).map(|proven| proven.torn), Ok(false));
        prop_assert_eq!(values(&text), records);
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1;
        if let Ok(edited) = String::from_utf8(bytes) {
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() as u64;
            match verify(&edited) {
                // An edited last newline makes the last line a torn one.
                Ok(proven) => prop_assert!(proven.torn && at == text.len() - 1),
                Err(broken) => prop_assert!(broken.seq == line, "edited in {line}, found in {}", broken.seq),
            }
        }
    }
}

#[test]
fn a_torn_last_line_is_left_out_and_said() {
    let text = written(&[json!({"a": 1}), json!({"b": 2})]);
    for cut in text.find('\n').unwrap() + 2..text.len() {
        let torn = read::<Value>(&text[..cut]).unwrap();
        assert_eq!((torn.records.len(), torn.torn), (1, true), "at {cut}");
        assert_eq!(verify(&text[..cut]).map(|proven| proven.torn), Ok(true));
    }
}

#[test]
fn a_missing_record_is_named() {
    let text = written(&[json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let without = [lines[0], lines[2]].concat();
    assert_eq!(verify(&without).unwrap_err().seq, 1);
    assert_eq!(verify(&[lines[1], lines[2]].concat()).unwrap_err().seq, 0);
}

#[test]
fn secrets_do_not_get_in() {
    let text = written(&[json!({"deep": [{"down": "the s3cret word"}]})]);
    assert!(text.contains("the *** word") && !text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_cut_journal_is_continued_and_still_verifies() {
    let (_folder, path) = place();
    let journal = Journal::create(&path, None, plain()).unwrap();
    journal.note(&json!({"a": 1}));
    journal.keep(&json!({"b": 2})).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 20]).unwrap();
    let journal = Journal::reopen(&path, plain()).unwrap();
    journal.keep(&json!({"c": 3})).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(verify(&text).map(|proven| proven.torn), Ok(false));
    assert_eq!(values(&text), [json!({"a": 1}), json!({"c": 3})]);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_says_so_and_goes_on_saying_so() {
    let journal = Journal::on_full_disk(plain());
    let first = journal.keep(&json!({})).await.unwrap_err();
    assert!(first.0.contains("space"), "{first}");
    assert_eq!(journal.keep(&json!({})).await, Err(first));
}
