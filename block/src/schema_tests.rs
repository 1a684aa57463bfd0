use super::*;
use crate::meta::default_dedicated_columns;
use parquet::schema::types::SchemaDescriptor;

#[test]
fn the_default_columns_give_92_leaves() {
    let schema = Schema::new(Version::V5, &default_dedicated_columns()).unwrap();
    assert_eq!(schema.leaves.len(), 92);
    assert_eq!(Schema::new(Version::V5, &[]).unwrap().leaves.len(), 92 - 14);
}

#[test]
fn the_table_agrees_with_the_parquet_type() {
    let schema = Schema::new(Version::V5, &default_dedicated_columns()).unwrap();
    let descriptor = SchemaDescriptor::new(schema.root.clone());
    assert_eq!(descriptor.num_columns(), schema.leaves.len());
    for (column, leaf) in descriptor.columns().iter().zip(&schema.leaves) {
        assert_eq!(column.path().string(), leaf.path);
        assert_eq!(column.max_def_level(), leaf.max_def, "{}", leaf.path);
        assert_eq!(column.max_rep_level(), leaf.max_rep, "{}", leaf.path);
    }
}

#[test]
fn levels_are_those_of_the_contract() {
    let schema = Schema::new(Version::V5, &default_dedicated_columns()).unwrap();
    let level = |path: &str| {
        let leaf = &schema.leaves[schema.leaf(path).unwrap()];
        (leaf.max_def, leaf.max_rep)
    };
    assert_eq!(level("TraceID"), (0, 0));
    assert_eq!(level("ServiceStats.SpanCount"), (1, 1));
    assert_eq!(level("rs.Resource.Attrs.Key"), (2, 2));
    assert_eq!(level("rs.ss.SpanCount"), (2, 2));
    assert_eq!(level("rs.ss.Spans.Name"), (3, 3));
    assert_eq!(level("rs.ss.Spans.Attrs.Value"), (5, 5));
    assert_eq!(level("rs.ss.Spans.Attrs.ValueUnsupported"), (5, 4));
    assert_eq!(level("rs.ss.Spans.Events.Attrs.ValueBool"), (6, 6));
    assert_eq!(level("rs.ss.Spans.DedicatedAttributes.String07"), (4, 4));
}

#[test]
fn spare_columns_are_numbered_per_scope_and_type_and_limited() {
    let column =
        |scope, kind| DedicatedColumn { scope, name: "n".into(), kind, options: Vec::new() };
    let mut list = vec![column(DedicatedScope::Event, DedicatedType::Int); 7];
    list.push(column(DedicatedScope::Event, DedicatedType::String));
    list.push(column(DedicatedScope::Span, DedicatedType::String));
    let names: Vec<_> =
        assign(Version::V5, &list, DedicatedScope::Event).into_iter().map(|a| a.column).collect();
    assert_eq!(
        names,
        ["String01", "Int01", "Int02", "Int03", "Int04", "Int05"]
            .map(|name| format!("DedicatedAttributes.{name}"))
    );
}
