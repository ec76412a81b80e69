//! The bar of serializers: one and very many structs, small and large.

mod codecs;
mod messages;
mod run;

use codecs::Codec;
pub(crate) use run::run;
