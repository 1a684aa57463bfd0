//! Protobuf primitives over slices: varints, tags, lengths.
