//! The C interface of libchdb 26.7: the only unsafe code of this part.
//!
//! What leaves this module is safe: every handle is owned by one value, destroyed once, and cannot outlive what it
//! depends on. The library is loaded once and never unloaded (its threads would go on running in unmapped code).
//!
//! Source of the signatures: `chdb.h` of chdb-core 26.7.3; lifetimes checked against its C layer: results own their
//! buffers, a stream belongs to its connection, one statement at a time per connection.
#![expect(unsafe_code, reason = "a C library is called; each block says why it is sound")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr;

type Connect = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut *mut c_void;
type WithParams = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> *mut c_void;
type Classify = unsafe extern "C" fn(*mut c_void, *const c_char, usize, *const c_char, usize, *mut Analysis) -> c_int;

/// The entry points that are used, resolved once.
pub(crate) struct Api {
    version: unsafe extern "C" fn() -> *const c_char,
    set_signal_handlers: unsafe extern "C" fn(c_int),
    connect: Connect,
    close: unsafe extern "C" fn(*mut *mut c_void),
    shutdown: unsafe extern "C" fn() -> c_int,
    query_with_params: WithParams,
    stream_query_with_params: WithParams,
    stream_fetch: unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void,
    stream_cancel: unsafe extern "C" fn(*mut c_void, *mut c_void),
    insert_with_params: WithParams,
    append: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> c_int,
    done: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    cancel_insert: unsafe extern "C" fn(*mut c_void),
    insert_error: unsafe extern "C" fn(*mut c_void) -> *const c_char,
    destroy_insert: unsafe extern "C" fn(*mut c_void),
    destroy_result: unsafe extern "C" fn(*mut c_void),
    buffer: unsafe extern "C" fn(*mut c_void) -> *mut c_char,
    length: unsafe extern "C" fn(*mut c_void) -> usize,
    error: unsafe extern "C" fn(*mut c_void) -> *const c_char,
    rows_read: unsafe extern "C" fn(*mut c_void) -> u64,
    storage_rows_read: unsafe extern "C" fn(*mut c_void) -> u64,
    storage_bytes_read: unsafe extern "C" fn(*mut c_void) -> u64,
    rows_written: unsafe extern "C" fn(*mut c_void) -> u64,
    bytes_written: unsafe extern "C" fn(*mut c_void) -> u64,
    classify: Classify,
}

/// What ClickHouse's own parser says about a text (`chdb_query_analysis_v1`).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Analysis {
    struct_size: u32,
    /// Statements that would run; 0 if the text cannot be parsed.
    pub(crate) statements: u32,
    flags: u32,
    /// 0 reads only, 1 writes, 2 writes global things, 3 controls the engine or leaves it, 4 unknown.
    pub(crate) class: u32,
}

impl Analysis {
    pub(crate) fn reads_only(&self) -> bool {
        self.class == 0
    }
}

/// Query parameters: name and value, the value in ClickHouse's escaped text form, as it comes over HTTP.
pub(crate) type Params = [(String, String)];

impl Api {
    /// Loads the library for the rest of the process and turns its signal handlers off.
    ///
    /// # Errors
    /// When the file is no shared library for this machine or misses an entry point.
    pub(crate) fn load(library: &Path) -> Result<&'static Self, libloading::Error> {
        // SAFETY: loading runs the library's constructors; the caller has verified that this is the pinned file.
        let library = unsafe { libloading::Library::new(library)? };
        // The mapping must outlive every thread that the engine starts, so it is never closed.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        macro_rules! entry {
            ($name:literal) => {
                // SAFETY: the type of the field is the signature of this entry point in chdb.h.
                *unsafe { library.get(concat!("chdb_", $name, "\0").as_bytes())? }
            };
        }
        let api = Self {
            version: entry!("version"),
            set_signal_handlers: entry!("set_signal_handlers_enabled"),
            connect: entry!("connect"),
            close: entry!("close_conn"),
            shutdown: entry!("shutdown"),
            query_with_params: entry!("query_with_params_n"),
            stream_query_with_params: entry!("stream_query_with_params_n"),
            stream_fetch: entry!("stream_fetch_result"),
            stream_cancel: entry!("stream_cancel_query"),
            insert_with_params: entry!("stream_insert_with_params_n"),
            append: entry!("stream_append"),
            done: entry!("stream_done"),
            cancel_insert: entry!("stream_cancel_insert"),
            insert_error: entry!("stream_insert_error"),
            destroy_insert: entry!("destroy_insert_stream"),
            destroy_result: entry!("destroy_query_result"),
            buffer: entry!("result_buffer"),
            length: entry!("result_length"),
            error: entry!("result_error"),
            rows_read: entry!("result_rows_read"),
            storage_rows_read: entry!("result_storage_rows_read"),
            storage_bytes_read: entry!("result_storage_bytes_read"),
            rows_written: entry!("result_rows_written"),
            bytes_written: entry!("result_bytes_written"),
            classify: entry!("classify_query_n"),
        };
        // SAFETY: plain call; must come before the first connect, which only a loaded Api can do.
        unsafe { (api.set_signal_handlers)(0) };
        Ok(Box::leak(Box::new(api)))
    }

    pub(crate) fn version(&self) -> String {
        // SAFETY: the library returns a static string.
        text(unsafe { (self.version)() }).unwrap_or_default()
    }

    /// Opens a connection; `None` when the engine refuses (it says why on stderr only).
    pub(crate) fn connect(&'static self, arguments: &[CString]) -> Option<Connection> {
        let mut argv: Vec<*mut c_char> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let argc = c_int::try_from(argv.len()).ok()?;
        // SAFETY: argv holds argc valid C strings that live through the call; the engine copies them.
        let slot = unsafe { (self.connect)(argc, argv.as_mut_ptr()) };
        (!slot.is_null()).then_some(Connection { api: self, slot })
    }

    /// Ends the engine. Every connection must be closed. The return code says nothing of use (0 and 1 both seen).
    pub(crate) fn shutdown(&self) {
        // SAFETY: plain call.
        unsafe { (self.shutdown)() };
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

/// Leaves the process without running C++ destructors, which crash while a statement runs.
pub(crate) fn leave_now(code: u8) -> ! {
    unsafe extern "C" {
        fn _exit(code: c_int) -> !;
    }
    // SAFETY: `_exit` of the C library takes any code and does not return.
    unsafe { _exit(c_int::from(code)) }
}

/// One connection; statements run on it one after the other.
pub(crate) struct Connection {
    api: &'static Api,
    slot: *mut *mut c_void,
}

// SAFETY: the engine keeps nothing in thread-local state between calls (a connection may be used from any thread), and
// `&mut self` on every call means one call at a time.
unsafe impl Send for Connection {}

impl Connection {
    fn handle(&self) -> *mut c_void {
        // SAFETY: `slot` came from chdb_connect and is freed only in drop.
        unsafe { *self.slot }
    }

    /// Runs a statement to its end; the whole result is held.
    pub(crate) fn query(&mut self, sql: &str, format: &str, params: &Params) -> Outcome {
        Outcome { api: self.api, result: self.call(self.api.query_with_params, sql, format, params) }
    }

    /// Starts a statement whose result comes in pieces.
    pub(crate) fn stream(&mut self, sql: &str, format: &str, params: &Params) -> Stream<'_> {
        let result = self.call(self.api.stream_query_with_params, sql, format, params);
        let start = Outcome { api: self.api, result };
        Stream { connection: self, start, ended: false }
    }

    /// Starts an insert; `sql` has no `FORMAT` clause.
    pub(crate) fn insert(&mut self, sql: &str, format: &str, params: &Params) -> Insert<'_> {
        let handle = self.call(self.api.insert_with_params, sql, format, params);
        Insert { api: self.api, handle, connection: PhantomData }
    }

    /// `None` when the engine could not look at the text at all.
    pub(crate) fn classify(&mut self, sql: &str) -> Option<Analysis> {
        let size = u32::try_from(size_of::<Analysis>()).ok()?;
        let mut analysis = Analysis { struct_size: size, statements: 0, flags: 0, class: 4 };
        // SAFETY: live string; no database given; `analysis` says its own size and lives through the call.
        let state = unsafe {
            (self.api.classify)(self.handle(), sql.as_ptr().cast(), sql.len(), ptr::null(), 0, &raw mut analysis)
        };
        (state == 0).then_some(analysis)
    }

    fn call(&self, entry: WithParams, sql: &str, format: &str, params: &Params) -> *mut c_void {
        let names: Vec<*const c_char> = params.iter().map(|(name, _)| name.as_ptr().cast()).collect();
        let name_lengths: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = params.iter().map(|(_, value)| value.as_ptr().cast()).collect();
        let value_lengths: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: live strings with their lengths; four arrays of the same length; the engine copies all of it.
        unsafe {
            entry(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                params.len(),
            )
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: closed once; streams and inserts borrow the connection, so none is left.
        unsafe { (self.api.close)(self.slot) };
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

/// The result of a statement, or a piece of it, or its error.
#[derive(Debug)]
pub(crate) struct Outcome {
    api: &'static Api,
    result: *mut c_void,
}

/// Rows and bytes that a statement read and wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) result_rows: u64,
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
}

impl Outcome {
    pub(crate) fn error(&self) -> Option<String> {
        if self.result.is_null() {
            return Some("the engine gave no result".to_owned());
        }
        // SAFETY: the result is live; the text belongs to it and is copied here.
        text(unsafe { (self.api.error)(self.result) })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        if self.result.is_null() {
            return &[];
        }
        // SAFETY: the result is live.
        let (start, length) = unsafe { ((self.api.buffer)(self.result), (self.api.length)(self.result)) };
        if start.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: the buffer holds `length` bytes, belongs to the result, and is borrowed no longer than it.
        unsafe { std::slice::from_raw_parts(start.cast(), length) }
    }

    pub(crate) fn counts(&self) -> Counts {
        if self.result.is_null() {
            return Counts::default();
        }
        // SAFETY: the result is live; these read plain fields.
        unsafe {
            Counts {
                result_rows: (self.api.rows_read)(self.result),
                read_rows: (self.api.storage_rows_read)(self.result),
                read_bytes: (self.api.storage_bytes_read)(self.result),
                written_rows: (self.api.rows_written)(self.result),
                written_bytes: (self.api.bytes_written)(self.result),
            }
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        // SAFETY: destroyed once; null is allowed.
        unsafe { (self.api.destroy_result)(self.result) };
    }
}

/// A running query whose result is fetched in pieces; cancelled when dropped before its end.
#[derive(Debug)]
pub(crate) struct Stream<'c> {
    connection: &'c mut Connection,
    start: Outcome,
    ended: bool,
}

impl Stream<'_> {
    /// Why the query could not start.
    pub(crate) fn error(&self) -> Option<String> {
        self.start.error()
    }

    /// The next piece; an empty one is the end, one with an error too.
    pub(crate) fn fetch(&mut self) -> Outcome {
        let api = self.connection.api;
        // SAFETY: connection and stream are live.
        let result = unsafe { (api.stream_fetch)(self.connection.handle(), self.start.result) };
        let piece = Outcome { api, result };
        self.ended = piece.error().is_some() || piece.bytes().is_empty();
        piece
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.ended && self.start.error().is_none() {
            // SAFETY: connection and stream are live; the result itself is destroyed by its owner afterwards.
            unsafe { (self.connection.api.stream_cancel)(self.connection.handle(), self.start.result) };
        }
    }
}

/// A running insert; cancelled when dropped before [`Insert::done`].
#[derive(Debug)]
pub(crate) struct Insert<'c> {
    api: &'static Api,
    handle: *mut c_void,
    connection: PhantomData<&'c mut Connection>,
}

impl Insert<'_> {
    pub(crate) fn error(&self) -> Option<String> {
        if self.handle.is_null() {
            return Some("the engine gave no insert stream".to_owned());
        }
        // SAFETY: the handle is live; the text is copied.
        text(unsafe { (self.api.insert_error)(self.handle) })
    }

    /// Hands over data; blocks while the engine is busy with earlier ones.
    ///
    /// # Errors
    /// The engine's message; the insert is over then.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), String> {
        // SAFETY: live handle, live slice; the engine copies it.
        let state = unsafe { (self.api.append)(self.handle, data.as_ptr().cast(), data.len()) };
        if state == 0 { Ok(()) } else { Err(self.error().unwrap_or_else(|| "the engine took no more data".to_owned())) }
    }

    /// Commits; the outcome says how much was written.
    pub(crate) fn done(self) -> Outcome {
        // SAFETY: live handle, destroyed afterwards by drop.
        Outcome { api: self.api, result: unsafe { (self.api.done)(self.handle) } }
    }

    /// Gives the insert up: nothing of it is committed that the engine has not already written.
    pub(crate) fn cancel(self) {
        // SAFETY: live handle, destroyed afterwards by drop.
        unsafe { (self.api.cancel_insert)(self.handle) };
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: destroyed once, while the connection is still borrowed; an unfinished insert is cancelled by it.
        unsafe { (self.api.destroy_insert)(self.handle) };
    }
}

fn text(start: *const c_char) -> Option<String> {
    if start.is_null() {
        return None;
    }
    // SAFETY: the library's strings end with a zero byte and live at least until their owner is destroyed.
    Some(unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned())
}
