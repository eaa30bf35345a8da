use super::*;

fn plan(url: &str, body: &[u8]) -> Result<Plan, Failure> {
    Plan::new(url.to_owned(), Packing::Plain, body.to_vec(), None)
}

fn insert_data(plan: Plan) -> (String, String, Vec<u8>) {
    match plan.work {
        Work::Insert { head, format, data } => {
            let data = data.iter().flat_map(|(bytes, at)| bytes[*at..].to_vec()).collect();
            (head, format, data)
        }
        other @ Work::Statement { .. } => panic!("{other:?}"),
    }
}

#[test]
fn the_body_behind_an_insert_in_the_url_is_data_byte_for_byte() {
    let data = b"\n\n;DROP TABLE t; \xff\x00 FORMAT CSV";
    let (head, format, found) = insert_data(plan("INSERT INTO t FORMAT RowBinary", data).unwrap());
    assert_eq!((head.as_str(), format.as_str(), found.as_slice()), ("INSERT INTO t ", "RowBinary", &data[..]));
}

#[test]
fn a_statement_may_go_on_in_the_body() {
    let (head, format, data) = insert_data(plan("INSERT INTO t", b"(a) VALUES (1)").unwrap());
    assert_eq!((head.as_str(), format.as_str(), data.as_slice()), ("INSERT INTO t\n(a) ", "Values", &b" (1)"[..]));
    let plan = plan("", b"SELECT 1 FORMAT JSON").unwrap();
    assert_eq!((plan.format.as_str(), plan.kind()), ("JSON", RequestKind::Read));
}

#[test]
fn what_is_never_served_is_refused_before_the_engine_sees_it() {
    assert_eq!(plan("", b"SELECT 1 INTO OUTFILE '/tmp/x'").unwrap_err().code, 48);
    assert_eq!(plan("", b"INSERT INTO t FROM INFILE '/etc/passwd'").unwrap_err().code, 48);
    assert_eq!(plan("", b" \n").unwrap_err().code, 62);
    assert_eq!(plan("", b"SELECT '\xff'").unwrap_err().code, 62);
    let long = format!("SELECT {}", "1,".repeat(limits::STATEMENT_BYTES_MAX));
    assert_eq!(plan("", long.as_bytes()).unwrap_err().code, 307);
    let damaged = Plan::new("INSERT INTO t FORMAT CSV".to_owned(), Packing::Blocks, vec![1; 40], None);
    assert_eq!(damaged.unwrap_err().code, 271);
}

#[test]
fn data_may_be_longer_than_any_statement() {
    let body = [b"INSERT INTO t FORMAT CSV\n".to_vec(), vec![b'1'; 2 * limits::STATEMENT_BYTES_MAX]].concat();
    assert_eq!(insert_data(plan("", &body).unwrap()).2.len(), 2 * limits::STATEMENT_BYTES_MAX);
}
