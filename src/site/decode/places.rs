//! A serde deserializer over [`Node`] that hands [`Sp`](crate::site::source::Sp) its place and chooses the variants
//! of [`crate::site::shape`]. Called by [`super::tree`] with a tree that was found right already.

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::site::shape::SHAPE_MARKER;
use crate::site::source::{SP_MARKER, Sources, Span};
use crate::site::yaml::{Node, Value};

/// A node on its way into a type.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    node: &'a Node,
    sources: &'a Sources,
}

/// A type refused a value.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) span: Option<Span>,
}

impl<'a> Places<'a> {
    pub(super) fn new(node: &'a Node, sources: &'a Sources) -> Self {
        Self { node, sources }
    }

    fn child(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    /// The scalar as it is written, for types that keep `1.10` or `true` as text.
    fn written(self) -> &'a str {
        let Span { file, start, end } = self.node.span;
        self.sources.text(file).get(start..end).unwrap_or_default()
    }

    fn shape(self) -> &'static str {
        match self.node.value {
            Value::Seq(_) => "list",
            Value::Map(_) => "mapping",
            _ => "scalar",
        }
    }

    fn here<T>(self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        result.map_err(|refusal| Refusal { span: refusal.span.or(Some(self.node.span)), ..refusal })
    }
}

impl<'de> Deserializer<'de> for Places<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.here(match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Seq(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(|item| self.child(item))))
            }
            Value::Map(pairs) => visitor.visit_map(MapDeserializer::new(
                pairs.iter().map(|(key, value)| (key.text.as_str(), self.child(value))),
            )),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.node.value {
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                self.here(visitor.visit_borrowed_str(self.written()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.here(visitor.visit_newtype_struct(self))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match name {
            SP_MARKER => self.here(visitor.visit_seq(Placed { places: self, given: 0 })),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.here(match &self.node.value {
            _ if name == SHAPE_MARKER => visitor.visit_enum(Tagged { tag: self.shape(), content: self }),
            Value::String(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Value::Map(pairs) if pairs.len() == 1 => {
                visitor.visit_enum(Tagged { tag: &pairs[0].0.text, content: self.child(&pairs[0].1) })
            }
            _ => self.deserialize_any(visitor),
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple map
        struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Refusal> for Places<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// `(file, start, end, value)`: what `Sp` asks for.
struct Placed<'a> {
    places: Places<'a>,
    given: u8,
}

impl<'de> SeqAccess<'de> for Placed<'de> {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refusal> {
        let Span { file, start, end } = self.places.node.span;
        self.given += 1;
        match self.given {
            1 => seed.deserialize((file.0 as usize).into_deserializer()).map(Some),
            2 => seed.deserialize(start.into_deserializer()).map(Some),
            3 => seed.deserialize(end.into_deserializer()).map(Some),
            4 => seed.deserialize(self.places).map(Some),
            _ => Ok(None),
        }
    }
}

/// An enum's variant by name, with what stands in it.
struct Tagged<'a> {
    tag: &'a str,
    content: Places<'a>,
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refusal> {
        let variant: StrDeserializer<'_, Refusal> = self.tag.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'de> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refusal> {
        seed.deserialize(self.content)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.content.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.content.deserialize_any(visitor)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl de::Error for Refusal {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None }
    }
}
