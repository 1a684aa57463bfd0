//! The examples of the contract that have a result, by section: queries over the traces of
//! [`crate::fixture`] and the spans that match, by letter.

/// A search and the letters of the spans that match, in the order of the alphabet.
pub type Search = (&'static str, &'static str);

/// All spans.
const ALL: &str = "ABCDEFGHIJKL";

/// Every section with its searches.
pub const SEARCHES: &[(&str, &[Search])] = &[
    ("1 lexical", LEXICAL),
    ("2.1 precedence", PRECEDENCE),
    ("3 values and types", VALUES),
    ("3.7 existence", EXISTENCE),
    ("3.8 arrays", ARRAYS),
    ("3.9 regular expressions", REGEX),
    ("3.10 arithmetic", ARITHMETIC),
    ("4 boolean logic", BOOLEAN),
    ("5 fields", FIELDS),
    ("5.3 events and links", ITEMS),
    ("6 spanset expressions", STRUCTURE),
    ("7 pipelines", PIPELINES),
];

const LEXICAL: &[Search] = &[
    ("{ .a = 1 /* n */ }", ""),
    ("{ .x = 5 /* n */ }", "E"),
    ("{ .x = 5 } // remark", "E"),
    ("{.x>5}", "F"),
    ("{ .latency-2 = 1 }", ""),
    ("{ .x - 2 = 3 }", "E"),
    ("{ .x^2 = 25 }", "E"),
    ("{ span.\"x\" = 5 }", "E"),
    ("{ .5 = 1 }", ""),
    ("{ .x = 007 }", "F"),
];

const PRECEDENCE: &[Search] = &[
    ("{ true || true && false }", ""),
    (r#"{ name = "A" || name = "B" && status = error }"#, "B"),
    ("{ 10 - 3 - 2 = 5 }", ALL),
    ("{ -2 ^ 2 = -4 }", ALL),
    (r#"{name="A"} > {name="B"} > {name="C"}"#, "C"),
    (r#"{name="A"} > ({name="B"} > {name="C"})"#, ""),
    (r#"{name="A"} && {name="B"} > {name="C"}"#, "AC"),
];

const VALUES: &[Search] = &[
    ("{ .foo = .x }", ""),
    (r#"{ .foo != "bar" }"#, "GHIJK"),
    ("{ .foo = 1 }", "CE"),
    ("{ .foo = 1.0 }", ""),
    ("{ .foo > 0.5 }", "F"),
    ("{ .ratio < 1 }", ""),
    ("{ .ratio < 0.6 }", "A"),
    (r#"{ .code = "200" }"#, ""),
    (r#"{ .code >= "5" }"#, "B"),
    ("{ .x = 5ns }", ""),
    ("{ .ratio + 0 < 1 }", "A"),
    ("{ .x > .foo }", "EF"),
    ("{ .x + 0 > 1ns }", "EF"),
    ("{ .ratio < 1 && .ratio > 0.1 }", ""),
    ("{ duration > 500000000 }", "AI"),
    ("{ duration > 500ms }", "AI"),
    ("{ duration > 5e8 }", "AI"),
    ("{ duration > 0.4 }", "ABCDEFGHIJK"),
    (r#"{ .nosuch != "x" }"#, ""),
    (r#"{ span.foo !~ "b.*" }"#, "GHIJK"),
];

const EXISTENCE: &[Search] = &[
    ("{ span.foo = nil }", "AL"),
    (r#"{ resource.region = nil && name = "E" }"#, "E"),
    ("{ .foo != nil }", "BCDEFGHIJK"),
    ("{ nil != .foo }", "BCDEFGHIJK"),
    ("{ name != nil }", ALL),
    ("{ event.type = nil }", "E"),
    ("{ .x = nil }", "ABCDGHIJKL"),
    ("{ nil = nil }", ""),
    ("{ nil != nil }", ""),
    ("{ 1 = nil }", ""),
    ("{ nil != 1 }", ""),
];

const ARRAYS: &[Search] = &[
    (r#"{ .tags = "x" }"#, "A"),
    ("{ .nums > 2 }", "A"),
    (r#"{ .tags =~ "x|q" }"#, "A"),
    (r#"{ .tags = "x" && .tags = "y" }"#, "A"),
    ("{ .nums = 2.0 }", ""),
    (r#"{ .tags != "z" }"#, "A"),
    (r#"{ .tags != "x" }"#, ""),
    ("{ .nums + 1 > 0 }", ""),
    ("{ .nums = .nums }", ""),
];

const REGEX: &[Search] = &[
    (r#"{ .foo =~ "ba" }"#, ""),
    (r#"{ .foo =~ "ba." }"#, "BD"),
    (r#"{ name =~ "A|B" }"#, "AB"),
    (r#"{ .foo =~ ".*" }"#, "BDGHIJK"),
    (r#"{ .foo =~ "(?i)BAR" }"#, "BD"),
    (r#"{ name =~ "" }"#, ""),
];

const ARITHMETIC: &[Search] = &[
    ("{ 7 / 2 = 3 }", ALL),
    ("{ -7 % 4 = -3 }", ALL),
    ("{ duration / 2 = 500ms }", "A"),
    ("{ duration / 1s = 1 }", "A"),
    ("{ 7.0 / 2 = 3.5 }", ALL),
    ("{ 2 ^ 3 = 8 }", ALL),
    ("{ .x / 0 = 1 }", ""),
    ("{ -.foo = 1 }", ""),
    ("{ 6 / 0 = 1 }", ""),
    // A negated duration is no integer, so dividing it by zero gives infinity.
    ("{ (-duration) / 0 < 1 }", "ABCDEFGHIJK"),
];

const BOOLEAN: &[Search] = &[
    ("{}", ALL),
    ("{ true }", ALL),
    ("{ false }", ""),
    ("{ .flag }", "A"),
    ("{ !.flag }", "C"),
    ("{ .foo }", ""),
    ("{ !.nosuch }", ""),
    (r#"{ .flag || name = "B" }"#, "A"),
    (r#"{ .flag = true || name = "B" }"#, "AB"),
    (r#"{ !(name = "A") }"#, "BCDEFGHIJKL"),
    (r#"{ name != "zz" && !(.foo = "bar") }"#, "ACEFGHIJKL"),
    ("{ 500ms < duration }", "AI"),
    (r#"{ "A" = name }"#, "A"),
    ("{ .x = 5 || true }", ALL),
];

const FIELDS: &[Search] = &[
    (r#"{ statusMessage = "" }"#, "ACDEFGHIJKL"),
    (r#"{ trace:id = "1" }"#, "ABCDEF"),
    (r#"{ trace:id = "00000000000000000000000000000001" }"#, "ABCDEF"),
    ("{ span:parentID = \"0000000000000000\" }", "AIJL"),
    (r#"{ span:id = "0000000000000041" }"#, "A"),
    (r#"{ link:traceID = "000000000000000000000000000000a1" }"#, "C"),
    (r#"{ link:spanID = "0000000000000002" }"#, "C"),
    ("{ rootName = \"J\" }", "IJK"),
    (r#"{ .dup = "span" }"#, "A"),
    (r#"{ .dup = "res-front" }"#, "BCD"),
    (r#"{ .lang = "go" }"#, ""),
    (r#"{ instrumentation.lang = "go" }"#, "ABCD"),
    (r#"{ instrumentation:name = "libB" }"#, "EF"),
    (r#"{ instrumentation:version = "" }"#, "EFGHIJKL"),
    (r#"{ resource.service.name = "" }"#, "L"),
    ("{ nestedSetParent < 0 }", "AIJL"),
    ("{ nestedSetLeft = 6 && nestedSetRight = 11 }", "D"),
    ("{ nestedSetLeft = 0 && nestedSetRight = 0 && nestedSetParent = 0 }", "GH"),
    ("{ span:childCount = 2 }", "AD"),
];

const ITEMS: &[Search] = &[
    (r#"{ event:name != "exception" }"#, "CE"),
    (r#"{ event:name = "exception" && event.type = "Second" }"#, ""),
    (r#"{ event.type = "IOErr" && event.n = 1 }"#, "C"),
    (r#"{ event:name = "retry" || .nosuch = 1 }"#, "C"),
    (r#"{ event:name = "exception" } && { event.type = "Second" }"#, "C"),
    (r#"{ event:timeSinceStart >= 20ms }"#, "C"),
    (r#"{ link.rel = "second" }"#, "C"),
];

const STRUCTURE: &[Search] = &[
    (r#"{name="A"} && {name="C"}"#, "AC"),
    (r#"{name="A"} && {name="zz"}"#, ""),
    (r#"{name="A"} || {name="zz"}"#, "A"),
    (r#"{name="A"} > {}"#, "BD"),
    (r#"{name="A"} >> {}"#, "BCDEF"),
    (r#"{name="C"} < {}"#, "B"),
    (r#"{name="C"} << {}"#, "AB"),
    (r#"{name="E"} ~ {}"#, "F"),
    ("{} ~ {}", "BDEFIJ"),
    (r#"{name="A"} !> {}"#, "ACEFIJKL"),
    ("{} !< {}", "CEFIKL"),
    (r#"{name="E"} !~ {}"#, "ABCDEIJKL"),
    (r#"{name="A"} &> {}"#, "ABD"),
    (r#"{name="C"} &<< {}"#, "ABC"),
    (r#"{name="E"} &~ {}"#, "EF"),
    (r#"{name="zz"} !>> {name="A"}"#, "A"),
    (r#"{name="A"} &> {name="zz"}"#, ""),
    (r#"{name="G"} > {}"#, ""),
    (r#"{name="G"} !> {name="G"}"#, "G"),
];

const PIPELINES: &[Search] = &[
    (r#"{name="A"} > {} | {name="D"}"#, "D"),
    (r#"{} | by(name) | {name="A"} > {}"#, ""),
    ("{} | max(.nosuch) < 1", ""),
    ("{} | count() > 2", "ABCDEFIJK"),
    ("{} | avg(.x) = 6", "ABCDEF"),
    ("{} | min(1 + .x) = 6", "ABCDEF"),
    ("{} | max(duration) > 1500000000", "IJK"),
    ("{} | count() > 1.5", "ABCDEFGHIJK"),
    ("count() > 3", "ABCDEF"),
    ("{} | count() > 1 + 1", "ABCDEFIJK"),
    ("{} | select(.x) | { .x > 5 }", "F"),
    ("{ .x != nil } | count() > 1 | { .x > 5 }", "F"),
    ("{} | by(resource.service.name) | count() > 1 | max(duration) > 500ms", "ABCDIJK"),
];
