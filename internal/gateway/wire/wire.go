// Package wire is the gateway protocol as bytes: frames, the connect
// handshake's shapes, scopes, error codes, signature strings. It refuses
// unknown fields, oversized frames and anything that is not one JSON object.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// Protocol versions that are spoken; the highest common one is used.
const (
	MinProtocol = 3
	MaxProtocol = 4
)

// Sizes of the protocol, told to clients in hello-ok.
const (
	PreConnectBytes     = 64 << 10
	MaxPayloadBytes     = 25 << 20
	MaxBufferedBytes    = 50 << 20
	AttachmentMaxBytes  = 20 << 20
	AttachmentImageMax  = 6 << 20
	TickIntervalMs      = 15_000
	maxIDLength         = 128
	maxMethodNameLength = 64
)

// Request is one frame of a client.
type Request struct {
	ID     string
	Method string
	Params json.RawMessage // an object, or nil
}

// frame is a Request as it travels. Type must be "req".
type frame struct {
	Type        string          `json:"type"`
	ID          string          `json:"id"`
	Method      string          `json:"method"`
	Params      json.RawMessage `json:"params"`
	Traceparent string          `json:"traceparent"`
}

// Reasons for refusing a frame.
var (
	ErrNotUTF8 = errors.New("wire: frame is not valid UTF-8")
	ErrFrame   = errors.New("wire: not a request frame")
)

// DecodeRequest reads one text frame. ErrNotUTF8 and ErrFrame are wrapped; the
// returned Request holds the id when it was readable, so that an answer can
// name it.
func DecodeRequest(b []byte) (Request, error) {
	if !utf8.Valid(b) {
		return Request{}, ErrNotUTF8
	}
	var f frame
	if err := strict(b, &f); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	req := Request{ID: f.ID, Method: f.Method, Params: f.Params}
	switch {
	case f.ID == "" || len(f.ID) > maxIDLength:
		return Request{}, fmt.Errorf("%w: id must have 1 to %d bytes", ErrFrame, maxIDLength)
	case f.Type != "req":
		return req, fmt.Errorf("%w: type is %q, expected \"req\"", ErrFrame, clip(f.Type))
	case f.Method == "" || len(f.Method) > maxMethodNameLength:
		return req, fmt.Errorf("%w: method must have 1 to %d bytes", ErrFrame, maxMethodNameLength)
	}
	if p := bytes.TrimSpace(f.Params); len(p) == 0 || bytes.Equal(p, []byte("null")) {
		req.Params = nil
	} else if p[0] != '{' {
		return req, fmt.Errorf("%w: params must be an object", ErrFrame)
	}
	return req, nil
}

// DecodeParams reads the closed parameters of a method into p. Absent
// parameters are an empty object.
func DecodeParams(raw json.RawMessage, p any) error {
	if len(raw) == 0 {
		return nil
	}
	return strict(raw, p)
}

// strict decodes exactly one JSON value without unknown fields.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// Code is the class of an error answer.
type Code string

// Error codes.
const (
	InvalidRequest Code = "INVALID_REQUEST"
	Unavailable    Code = "UNAVAILABLE"
	Forbidden      Code = "FORBIDDEN"
	NotFound       Code = "NOT_FOUND"
	NotPaired      Code = "NOT_PAIRED"
)

// Error is the error of a response.
type Error struct {
	Code         Code     `json:"code"`
	Message      string   `json:"message"`
	Details      *Details `json:"details,omitempty"`
	Retryable    bool     `json:"retryable,omitempty"`
	RetryAfterMs int64    `json:"retryAfterMs,omitempty"`
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Details says precisely what was wrong.
type Details struct {
	Code                    string   `json:"code,omitempty"`
	Reason                  string   `json:"reason,omitempty"`
	RequestID               string   `json:"requestId,omitempty"`
	MissingScope            Scope    `json:"missingScope,omitempty"`
	RequiredScopes          []Scope  `json:"requiredScopes,omitempty"`
	CanRetryWithDeviceToken bool     `json:"canRetryWithDeviceToken,omitempty"`
	RecommendedNextStep     string   `json:"recommendedNextStep,omitempty"`
	ExpectedProtocol        int      `json:"expectedProtocol,omitempty"`
	MinimumProtocol         int      `json:"minimumProtocol,omitempty"`
	Rule                    string   `json:"rule,omitempty"`
	Hint                    string   `json:"hint,omitempty"`
	Methods                 []string `json:"methods,omitempty"`
}

// Values of Details.RecommendedNextStep.
const (
	StepRetryDeviceToken = "retry_with_device_token"
	StepUpdateConfig     = "update_auth_configuration"
	StepUpdateSecrets    = "update_auth_credentials"
	StepWait             = "wait_then_retry"
	StepReview           = "review_auth_configuration"
)

type response struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	OK      bool            `json:"ok"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

// EncodeResult makes the frame that answers id with payload.
func EncodeResult(id string, payload json.RawMessage) []byte {
	b := make([]byte, 0, len(payload)+len(id)+48)
	b = append(b, `{"type":"res","id":`...)
	b = appendString(b, id)
	b = append(b, `,"ok":true,"payload":`...)
	b = append(b, payload...)
	return append(b, '}')
}

// EncodeError makes the frame that answers id with an error.
func EncodeError(id string, e *Error) []byte {
	b, err := json.Marshal(response{Type: "res", ID: id, Error: e})
	if err != nil {
		panic("BUG(openclaw): wire: error frame: " + err.Error())
	}
	return b
}

// EncodeEvent makes an event frame. payload is JSON; seq 0 leaves it out.
func EncodeEvent(name string, payload json.RawMessage, seq uint64) []byte {
	b := make([]byte, 0, len(payload)+len(name)+64)
	b = append(b, `{"type":"event","event":`...)
	b = appendString(b, name)
	if len(payload) > 0 {
		b = append(b, `,"payload":`...)
		b = append(b, payload...)
	}
	if seq > 0 {
		b = append(b, `,"seq":`...)
		b = strconv.AppendUint(b, seq, 10)
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		panic("BUG(openclaw): wire: string: " + err.Error())
	}
	return append(b, q...)
}
