//! Things that may be written in a short or a long form, told apart by their YAML shape alone.
//!
//! The variants `scalar`, `list` and `mapping` of an enum with the serde name `$reveille::shape` are chosen by
//! [`super::decode`] from the node's shape. Unlike serde's `untagged` this buffers nothing, so places survive.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::source::Sp;

/// The serde name by which [`super::decode`] knows such an enum.
pub(super) const SHAPE_MARKER: &str = "$reveille::shape";

/// `needs: a` or `needs: [a, b]`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename = "$reveille::shape", rename_all = "lowercase")]
#[schemars(untagged, inline)]
pub(super) enum OneOrMany<T> {
    Scalar(T),
    List(Vec<T>),
}

/// A list with the most needed part, or a mapping with all of it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename = "$reveille::shape", rename_all = "lowercase")]
#[schemars(untagged, inline)]
pub(super) enum ListOr<T> {
    List(Argv),
    Mapping(T),
}

/// A text with the most needed part, or a mapping with all of it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename = "$reveille::shape", rename_all = "lowercase")]
#[schemars(untagged, inline)]
pub(super) enum TextOr<T> {
    Scalar(Sp<String>),
    Mapping(T),
}

/// A type that one text is enough for.
pub(super) trait FromText {
    fn from_text(text: Sp<String>) -> Self;
}

/// For `deserialize_with`: one value or a list of them.
pub(super) fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    OneOrMany::deserialize(from).map(|written| match written {
        OneOrMany::Scalar(one) => vec![one],
        OneOrMany::List(many) => many,
    })
}

/// For `deserialize_with`: a text or the whole mapping.
pub(super) fn text_or<'de, D: Deserializer<'de>, T>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + FromText,
{
    TextOr::deserialize(from).map(|written| match written {
        TextOr::Scalar(text) => T::from_text(text),
        TextOr::Mapping(whole) => whole,
    })
}

/// Program and arguments; numbers and booleans count as the text they are written as.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Argv(pub Vec<Sp<String>>);

impl JsonSchema for Argv {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Argv".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<super::action::ScalarText>();
        json_schema!({ "type": "array", "minItems": 1, "items": item })
    }
}

/// An expression; `true` and `false` need no quotes.
pub(super) struct ExpressionText;

impl JsonSchema for ExpressionText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpressionText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "boolean"] })
    }
}
