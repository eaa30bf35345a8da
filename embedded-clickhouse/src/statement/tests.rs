use super::*;
use proptest::prelude::*;

fn is_insert(text: &str, head: &str, format: &str, data: &str) {
    let data_at = text.len() - data.len();
    assert_eq!(shape(text.as_bytes()), Shape::Insert(Insert { head, format, data_at }), "{text}");
}

fn is_query(text: &str, format: Option<&str>) {
    match shape(text.as_bytes()) {
        Shape::Other { format: found, .. } => assert_eq!(found, format, "{text}"),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_insert_is_cut_where_its_data_begin() {
    is_insert("INSERT INTO t FORMAT RowBinary", "INSERT INTO t ", "RowBinary", "");
    is_insert(
        "INSERT INTO t(a, b) FORMAT RowBinaryWithNamesAndTypes\n\u{1}",
        "INSERT INTO t(a, b) ",
        "RowBinaryWithNamesAndTypes",
        "\u{1}",
    );
    is_insert("insert into t values (1), (2)", "insert into t ", "Values", " (1), (2)");
    is_insert(
        "INSERT INTO t SETTINGS async_insert=0 FORMAT TSV\r\n1\n2\n",
        "INSERT INTO t SETTINGS async_insert=0 ",
        "TSV",
        "1\n2\n",
    );
    is_insert("INSERT INTO t FORMAT CSV \t\n\n1", "INSERT INTO t ", "CSV", "\n1");
    is_insert(
        "INSERT INTO FUNCTION null('a Int8') VALUES (1)",
        "INSERT INTO FUNCTION null('a Int8') ",
        "Values",
        " (1)",
    );
    is_insert("INSERT INTO db.t FORMAT JSONEachRow {\"a\": 1}", "INSERT INTO db.t ", "JSONEachRow", "{\"a\": 1}");
}

#[test]
fn names_that_look_like_keywords_are_names() {
    is_insert("INSERT INTO values VALUES (1)", "INSERT INTO values ", "Values", " (1)");
    is_insert("INSERT INTO db.format FORMAT CSV 1", "INSERT INTO db.format ", "CSV", "1");
    is_insert(
        "INSERT INTO `FORMAT` (`VALUES`, format) VALUES (1)",
        "INSERT INTO `FORMAT` (`VALUES`, format) ",
        "Values",
        " (1)",
    );
    is_query("SELECT 'FORMAT JSON', \"FORMAT CSV\", `FORMAT TSV`", None);
    is_query("SELECT * FROM (SELECT 1 FORMAT JSON)", None);
}

#[test]
fn a_heredoc_behind_many_open_ones_is_still_one() {
    let open: String = (0..20).map(|n| format!("$t{n}$ ")).collect();
    is_query(&format!("SELECT {open} $x$ FORMAT A ' $x$ FORMAT CSV"), Some("CSV"));
    is_query(&format!("SELECT {open} $x$ FORMAT A"), Some("A"));
    assert!(leaves_engine(&format!("SELECT {open} $x$ ' $x$, file('a') AS $y$")).is_some());
    assert!(goes_on_after_values(format!("(1, {open})").as_bytes()));
}

/// Each tag was once looked for to the end of the text: a megabyte took minutes.
#[test]
fn a_megabyte_of_open_heredocs_costs_few_passes() {
    let text: String = (0..100_000).map(|n| format!("$t{n}$ ")).collect();
    let mut tokens = Tokens::new(text.as_bytes());
    assert_eq!(tokens.by_ref().count(), 100_000);
    assert_eq!(tokens.open_heredocs, OPEN_HEREDOCS_MAX, "searched to the end more often");
}

#[test]
fn comments_quotes_and_heredocs_are_skipped() {
    is_insert(
        "/* VALUES */ INSERT -- FORMAT x\n INTO t VALUES (1)",
        "/* VALUES */ INSERT -- FORMAT x\n INTO t ",
        "Values",
        " (1)",
    );
    is_query("SELECT 'it''s FORMAT A', 'b\\' FORMAT B' FORMAT JSON", Some("JSON"));
    is_query("SELECT $x$ FORMAT A ' $x$ FORMAT CSV", Some("CSV"));
    is_query("SELECT 1 -- FORMAT A\nFORMAT TSV;", Some("TSV"));
    is_query("SELECT 1 # FORMAT A\n", None);
    is_query("SELECT 1 FORMAT Native SETTINGS max_threads = 1", Some("Native"));
}

#[test]
fn an_insert_without_data_goes_to_the_engine_as_it_is() {
    is_query("INSERT INTO t SELECT * FROM u", None);
    is_query("INSERT INTO t (a) WITH 1 AS x SELECT x AS values", None);
    is_query("INSERT INTO t", None);
    is_query("INSERT", None);
    is_query("", None);
    is_query("INSERT INTO t; INSERT INTO t VALUES (1)", None);
}

#[test]
fn rows_behind_the_end_of_values_are_noticed() {
    for data in [" (1); (2)", "(1);DROP TABLE t", "('a') ; x"] {
        assert!(goes_on_after_values(data.as_bytes()), "{data}");
    }
    for data in ["(1), (2)", " (1);\n", "(1);; -- done", "('a;b')", ""] {
        assert!(!goes_on_after_values(data.as_bytes()), "{data}");
    }
}

#[test]
fn files_of_the_server_are_recognised() {
    for text in [
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "select * from (select 1) into /* */ outfile '/tmp/x' format CSV",
        "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
        "INSERT INTO t SELECT 1 INTO OUTFILE 'x'",
    ] {
        assert_eq!(shape(text.as_bytes()), Shape::OnServerFiles, "{text}");
    }
    is_query("SELECT 'INTO OUTFILE'", None);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_without_a_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = shape(&text);
        let _ = leaves_engine(&String::from_utf8_lossy(&text));
    }

    #[test]
    fn the_data_of_an_insert_are_exactly_what_was_sent(data in proptest::collection::vec(any::<u8>(), 0..200), quoted in "[a-z'`\" ()]{0,20}") {
        let name = quoted.replace('\\', "\\\\").replace('`', "``");
        let mut text = format!("INSERT INTO `{name}` FORMAT RowBinary\n").into_bytes();
        let head = text.len();
        text.extend_from_slice(&data);
        match shape(&text) {
            Shape::Insert(insert) => {
                prop_assert_eq!(insert.format, "RowBinary");
                prop_assert_eq!(insert.data_at, head);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_format_inside_a_string_is_not_a_format(inner in "[a-zA-Z '\\\\]{0,30}") {
        let escaped = inner.replace('\\', "\\\\").replace('\'', "''");
        let text = format!("SELECT '{escaped} FORMAT Wrong' FORMAT Right");
        match shape(text.as_bytes()) {
            Shape::Other { format, .. } => prop_assert_eq!(format, Some("Right")),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn a_reader_reaches_no_file_under_any_name() {
    for text in [
        "SELECT file('/etc/passwd')",
        "SELECT FiLe /* */ ('/etc/passwd')",
        "SELECT \"file\"('/etc/passwd')",
        "SELECT `file`('/etc/passwd')",
        r#"SELECT "f\x69le"('/etc/passwd')"#,
        "SELECT * APPLY file FROM (SELECT '/etc/passwd')",
        "SELECT arrayMap(file, ['/etc/passwd'])",
        "DESCRIBE TABLE url('http://127.0.0.1/', 'TSVWithNames')",
        "(DESC /* */ s3 ('http://127.0.0.1/'))",
        "desc `url`('http://127.0.0.1/')",
    ] {
        assert!(leaves_engine(text).is_some(), "{text}");
    }
    for text in [
        "SELECT 'file', profile FROM t WHERE path = 'file(1)'",
        "DESCRIBE TABLE db.t",
        "DESC (SELECT max(a) FROM t)",
        "DESCRIBE TABLE (SELECT 1)",
        "SELECT \"\", ``, '",
        "",
    ] {
        assert_eq!(leaves_engine(text), None, "{text}");
    }
}

#[test]
fn a_reader_sets_no_file_and_no_address() {
    for name in ["format_schema", "format_template_resultset", "dialect", "FORMAT_SCHEMA", "http_proxy"] {
        assert!(setting_leaves_engine(name), "{name}");
    }
    for name in
        ["max_threads", "output_format_json_quote_64bit_integers", "async_insert", "describe_include_subcolumns"]
    {
        assert!(!setting_leaves_engine(name), "{name}");
    }
}
