//! The few fields of `google.cloud.bigquery.storage.v1` that are read or answered here.
//! <https://github.com/googleapis/googleapis/blob/master/google/cloud/bigquery/storage/v1/storage.proto>

#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateWriteStreamRequest {
    #[prost(string, tag = "1")]
    pub parent: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct WriteStream {
    #[prost(string, tag = "1")]
    pub name: String,
    /// 2 is PENDING.
    #[prost(int32, tag = "2")]
    pub kind: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AppendRowsRequest {
    #[prost(string, tag = "1")]
    pub write_stream: String,
    #[prost(message, optional, tag = "5")]
    pub arrow_rows: Option<ArrowData>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ArrowData {
    #[prost(message, optional, tag = "2")]
    pub rows: Option<ArrowRecordBatch>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ArrowRecordBatch {
    #[prost(bytes = "vec", tag = "1")]
    pub serialized_record_batch: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AppendRowsResponse {
    #[prost(message, optional, tag = "1")]
    pub append_result: Option<AppendResult>,
    #[prost(string, tag = "5")]
    pub write_stream: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AppendResult {
    #[prost(message, optional, tag = "1")]
    pub offset: Option<Int64Value>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Int64Value {
    #[prost(int64, tag = "1")]
    pub value: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct FinalizeWriteStreamResponse {
    #[prost(int64, tag = "1")]
    pub row_count: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchCommitWriteStreamsResponse {
    #[prost(message, optional, tag = "1")]
    pub commit_time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
}
