use std::{fmt::Write as _, time::Instant};

use async_graphql::parser::parse_query;
use serde_json::json;

use super::*;

fn weight(text: &str) -> Result<Weight, Refusal> {
    weigh(&parse_query(text).unwrap(), &Variables::default(), None, &Limits::default())
}

fn cost(text: &str, variables: serde_json::Value) -> u64 {
    weigh(&parse_query(text).unwrap(), &Variables::from_json(variables), None, &Limits::default()).unwrap().cost
}

fn refused(text: &str) -> &'static str {
    match weight(text).unwrap_err() {
        Refusal::TooMuch { what, .. } => what,
        Refusal::Cycle(_) => "cycle",
    }
}

/// `levels` fragments, each spreading the next one twice: `2^levels` fields from a few bytes.
fn doubling(levels: usize) -> String {
    let mut text = "{...F0}".to_owned();
    for level in 0..levels {
        let next = level + 1;
        write!(text, " fragment F{level} on Query{{...F{next} ...F{next}}}").unwrap();
    }
    write!(text, " fragment F{levels} on Query{{a}}").unwrap();
    text
}

#[test]
fn fragments_that_double_thirty_times_are_refused_in_milliseconds() {
    let text = doubling(30);
    assert!(text.len() < 1_200);
    let started = Instant::now();
    assert_eq!(refused(&text), "fields (fragments expanded)");
    assert!(started.elapsed().as_millis() < 50, "{:?}", started.elapsed());
}

#[test]
fn doubling_spreads_of_fragments_that_hold_no_field_are_refused_as_well() {
    let text = doubling(30).replace("on Query{a}", "on Query{...Absent}");
    assert_eq!(refused(&text), "selections (fragments expanded)");
    assert_eq!(refused(&doubling(100)), "levels of fields");
}

#[test]
fn the_longest_chain_the_text_has_room_for_neither_overflows_nor_lingers() {
    let mut text = "{...F0}".to_owned();
    for level in 0..2_000 {
        write!(text, " fragment F{level} on Q{{...F{}}}", level + 1).unwrap();
    }
    assert_eq!(refused(&text), "levels of fields");
}

#[test]
fn a_fragment_that_contains_itself_is_named() {
    let text = "{...A} fragment A on Q{...B ...B} fragment B on Q{...A ...A}";
    assert!(matches!(weight(text), Err(Refusal::Cycle(_))));
    assert_eq!(refused("{a} fragment A on Q{x{...A}}"), "cycle");
}

#[test]
fn a_page_of_sixty_fragments_over_three_hundred_overlapping_fields_passes() {
    let mut text = "query Page($n:Int=50){clients(first:$n){edges{cursor node{id".to_owned();
    (0..60).for_each(|part| write!(text, " ...P{part}").unwrap());
    text.push_str("}} pageInfo{hasNextPage endCursor}}}");
    (0..60).for_each(|part| write!(text, " fragment P{part} on Client{{id name slug stage revision}}").unwrap());
    let weight = weight(&text).unwrap();
    assert_eq!(weight.fields, 308);
    assert_eq!(weight.cost, 1 + 50);
}

#[test]
fn every_count_has_its_limit_and_stops_one_past_it() {
    let aliases = |count: usize| format!("{{{}}}", (0..count).fold(String::new(), |all, n| format!("{all} a{n}:a")));
    assert_eq!(weight(&aliases(150)).unwrap().aliases, 150);
    assert_eq!(refused(&aliases(151)), "aliases (fragments expanded)");
    assert_eq!(weight(&format!("{{{}}}", " a".repeat(1_000))).unwrap().fields, 1_000);
    assert_eq!(refused(&format!("{{{}}}", " a".repeat(1_001))), "fields (fragments expanded)");
    assert_eq!(weight(&format!("{{a{}}}", " @d".repeat(100))).unwrap().directives, 100);
    assert_eq!(refused(&format!("query @d{{a{}}}", " @d".repeat(100))), "directives (fragments expanded)");
    assert_eq!(refused(&format!("{{a({})}}", "x:1 ".repeat(2_001))), "arguments (fragments expanded)");
    let nested = |depth: usize| format!("{{{}a{}}}", "a{".repeat(depth - 1), "}".repeat(depth - 1));
    assert_eq!(weight(&nested(12)).unwrap().depth, 12);
    assert_eq!(refused(&nested(13)), "levels of fields");
    let operations = |count: usize| (0..count).fold(String::new(), |all, n| format!("{all} query Q{n}{{a}}"));
    assert_eq!(weight(&operations(10)).unwrap().fields, 10);
    assert_eq!(refused(&operations(11)), "operations");
    let variables = (0..201).fold(String::new(), |all, n| format!("{all} $v{n}:Int"));
    assert_eq!(refused(&format!("query({variables}){{a}}")), "variables");
}

#[test]
fn questions_about_the_schema_may_be_deeper_and_nothing_else_may_hide_behind_them() {
    let of = |depth: usize| {
        format!("{{__schema{{types{{type{}{}}}}}}}", "{ofType".repeat(depth), "{name}".to_owned() + &"}".repeat(depth))
    };
    assert_eq!(weight(&of(16)).unwrap().schema_depth, 20);
    assert_eq!(refused(&of(17)), "levels of fields");
    let hidden = format!("{{__schema{{name}} {}a{}}}", "a{".repeat(12), "}".repeat(12));
    assert_eq!(refused(&hidden), "levels of fields");
    let nested = format!("{{a{{__type(name:\"x\"){{{}a{}}}}}}}", "a{".repeat(20), "}".repeat(20));
    assert_eq!(refused(&nested), "levels of fields");
}

#[test]
fn unused_fragments_count_too() {
    assert_eq!(refused(&format!("{{a}} fragment U on Q{{{}}}", " a".repeat(1_001))), "fields (fragments expanded)");
}

#[test]
fn a_page_multiplies_what_lies_below_it() {
    assert_eq!(cost("{a b c}", json!({})), 0);
    assert_eq!(cost("{clients(first:50){nodes{id}}}", json!({})), 1 + 50);
    assert_eq!(cost("{clients(last:50){edges{node{id}}}}", json!({})), 1 + 50);
    assert_eq!(cost("{nodes(ids:[\"a\",\"b\"]){id owner{id}}}", json!({})), 1 + 2);
    assert_eq!(cost("query($n:Int!){clients(first:$n){nodes{id}}}", json!({"n": 30})), 1 + 30);
    assert_eq!(cost("query($n:Int=40){clients(first:$n){nodes{id}}}", json!({})), 1 + 40);
    assert_eq!(cost("mutation{a{b{c}} d}", json!({})), 2 + 2 * MUTATION_COST);
    let hidden = "mutation{...F ... on Mutation{d}} fragment F on Mutation{a{b{c}} e}";
    assert_eq!(cost(hidden, json!({})), 2 + 3 * MUTATION_COST);
    assert_eq!(cost("query A{a{b}} query B{a{b{c}}}", json!({})), 2);
}

#[test]
fn numbers_no_page_can_have_are_neither_free_nor_huge() {
    for first in ["-1", "0", "-9223372036854775808", "1.5", "\"x\"", "null"] {
        assert_eq!(cost(&format!("{{clients(first:{first}){{nodes{{id}}}}}}"), json!({})), 2, "{first}");
    }
    assert_eq!(cost("{clients(first:1000000){nodes{id}}}", json!({})), 1 + 100);
    assert_eq!(cost("query($n:Int){clients(first:$n){nodes{id}}}", json!({"n": -1})), 2);
}

#[test]
fn each_use_of_a_variable_counts_with_all_its_bytes() {
    let text = "x".repeat(1_022);
    let weight = |document: &str, variables| {
        weigh(&parse_query(document).unwrap(), &Variables::from_json(variables), None, &Limits::default())
    };
    let uses = |count: usize| format!("query($v:S){{{}}}", "a(x:$v) ".repeat(count));
    assert_eq!(weight(&uses(1_000), json!({ "v": text })).unwrap().variable_bytes, 1_000 << 10);
    let nested = "query($v:S){a(x:[$v,{y:$v}]) @d(z:$v) ...F ...F} fragment F on Q{b(x:$v)}";
    assert_eq!(weight(nested, json!({ "v": text })).unwrap().variable_bytes, 5 << 10);
    let by_default = format!("query($v:S=\"{text}\"){{a(x:$v)}}");
    assert_eq!(weight(&by_default, json!({})).unwrap().variable_bytes, 1 << 10);
    let twice = format!("query($v:S){{{}}}", "a(x:[$v,$v]) ".repeat(513));
    let refused = weight(&twice, json!({ "v": text })).unwrap_err();
    assert_eq!(refused, Refusal::TooMuch { what: "bytes of variables (every use counted)", limit: 1 << 20 });
    assert!(weight("query($v:S){a(x:$v)}", json!({ "v": vec![1; 500_000] })).is_ok(), "one use of a whole body");
}

#[test]
fn pages_within_pages_are_too_dear() {
    let three = "{a(first:100){nodes{b(first:100){nodes{c(first:100){nodes{id}}}}}}}";
    assert_eq!(refused(three), "cost");
    let usual = "{clients(first:50){nodes{id engagements(first:20){nodes{id steps{id evidence{id label}}}}}}}";
    assert!(weight(usual).unwrap().cost < 5_000);
}
