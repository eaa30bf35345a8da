-- Issued documents, append-only. The row here is written last and makes the document valid: lines and reads that no header
-- names by id and hash are leavings of a run that was killed. No TTL: the document carries the reads that it rests on.
CREATE TABLE IF NOT EXISTS invoices (
    tenant LowCardinality(String),
    number UInt64 COMMENT 'from 1, without gaps, one series for each tenant',
    invoice String COMMENT 'UUIDv5 of what is billed, so that a repeated run writes the same document',
    kind LowCardinality(String) COMMENT 'invoice or credit-note',
    contract String,
    contract_version UInt32,
    period_start Date32,
    period_end Date32 COMMENT 'exclusive',
    revision UInt32 COMMENT '0 = the first for this period',
    as_of DateTime('UTC'),
    issued DateTime('UTC'),
    currency LowCardinality(String),
    total String COMMENT 'decimal',
    lines UInt32,
    sha256 String COMMENT 'of the document, hexadecimal',
    previous_sha256 String COMMENT 'of the document with the number before; empty for the first',
    document String COMMENT 'canonical JSON' CODEC(ZSTD(3))
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, number, invoice);

-- The lines of the documents for statements in SQL; the document itself has the same.
CREATE TABLE IF NOT EXISTS invoice_lines (
    tenant LowCardinality(String),
    invoice String,
    sha256 String COMMENT 'of the document',
    line UInt32,
    kind LowCardinality(String) COMMENT 'base, usage or minimum_topup',
    charge String,
    device String COMMENT 'empty: of the whole contract or pool',
    quantity Int64 COMMENT 'pages, or days of a base fee',
    price String COMMENT 'decimal; empty for a base fee and a minimum',
    price_per Int64 COMMENT 'pages that the price is for; days of the period for a base fee',
    amount String COMMENT 'decimal'
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, invoice, sha256, line);

-- The two ends of each meter that a document rests on.
CREATE TABLE IF NOT EXISTS invoice_reads (
    tenant LowCardinality(String),
    invoice String,
    sha256 String COMMENT 'of the document',
    device String,
    meter LowCardinality(String),
    pages Int64,
    opening Nullable(Int64),
    opening_method LowCardinality(String),
    closing Nullable(Int64),
    closing_method LowCardinality(String),
    closing_lo Nullable(Int64),
    closing_hi Nullable(Int64)
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, invoice, sha256, device, meter);

-- Contracts that are kept from being issued, and let go again; the last row counts.
CREATE TABLE IF NOT EXISTS invoice_holds (
    tenant LowCardinality(String),
    contract String,
    ts DateTime64(3, 'UTC'),
    held UInt8,
    reason String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, contract, ts);
