//go:build linux && (amd64 || arm64)

package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of what the engine is asked.
const (
	callLimit  = 30 * time.Second
	buildLimit = 5 * time.Minute
	maxAnswer  = 8 << 20
)

// engine speaks to a container engine over its socket: the part of Docker's
// API that Podman has too, without a version in the path.
type engine struct {
	socket string
	client *http.Client
}

func newEngine(socket string) *engine {
	e := &engine{socket: socket}
	e.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.dial(ctx) },
		MaxIdleConns: 4, IdleConnTimeout: 10 * time.Second, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return e
}

func (e *engine) dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", e.socket)
}

// engineError is an answer of the engine's that is not what was asked for.
type engineError struct {
	what   string
	status int
	text   string
}

func (e *engineError) Error() string {
	return fmt.Sprintf("container engine: %s: %d %s", e.what, e.status, e.text)
}

func statusOf(err error) int {
	var e *engineError
	if errors.As(err, &e) {
		return e.status
	}
	return 0
}

// call sends in, when there is one, and decodes the answer into out.
func (e *engine) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("container engine: %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	res, err := e.send(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("container engine: %s %s: %w", method, path, err)
	}
	return nil
}

func (e *engine) send(ctx context.Context, method, path, kind string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, body)
	if err != nil {
		return nil, fmt.Errorf("container engine: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	res, err := e.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("container engine at %s: %w", e.socket, err)
	}
	if res.StatusCode >= 300 {
		defer func() { _ = res.Body.Close() }()
		return nil, &engineError{method + " " + path, res.StatusCode, messageOf(res.Body)}
	}
	return res, nil
}

// messageOf reads an engine's reason.
func messageOf(r io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(r, 4096))
	var m struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(b, &m) == nil && m.Message != "" {
		return m.Message
	}
	return strings.TrimSpace(string(b))
}

// attach takes over the streams of a container that is about to start: what is
// written goes to its input, what is read are its two outputs.
func (e *engine) attach(ctx context.Context, id string) (*attached, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	conn, err := e.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("container engine at %s: %w", e.socket, err)
	}
	if t, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(t)
	}
	_, err = fmt.Fprintf(conn, "POST /containers/%s/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n", url.PathEscape(id))
	r := bufio.NewReaderSize(conn, 64<<10)
	var res *http.Response
	if err == nil {
		res, err = http.ReadResponse(r, nil)
	}
	if err == nil && res.StatusCode != http.StatusSwitchingProtocols && res.StatusCode != http.StatusOK {
		err = &engineError{"attach", res.StatusCode, messageOf(res.Body)}
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return &attached{conn: conn, r: r}, nil
}

// attached is a container's streams. Its output is a sequence of chunks, each
// with the stream that it belongs to and its length.
type attached struct {
	conn net.Conn
	r    *bufio.Reader
	left uint32 // of the chunk that is being read
}

// maxChunk bounds one chunk: the engine copies 32 KiB at a time.
const maxChunk = 1 << 20

// Read gives the standard output alone; the error output of the first process
// is not for the run.
func (a *attached) Read(p []byte) (int, error) {
	for a.left == 0 {
		var head [8]byte
		if _, err := io.ReadFull(a.r, head[:]); err != nil {
			return 0, err
		}
		n := uint32(head[4])<<24 | uint32(head[5])<<16 | uint32(head[6])<<8 | uint32(head[7])
		if head[0] > 2 || head[1] != 0 || head[2] != 0 || head[3] != 0 || n > maxChunk {
			return 0, errors.New("container engine: a chunk of output has no head")
		}
		if head[0] != 1 {
			if _, err := a.r.Discard(int(n)); err != nil {
				return 0, err
			}
			continue
		}
		a.left = n
	}
	n, err := a.r.Read(p[:min(len(p), int(a.left))])
	a.left -= uint32(n)
	return n, err
}

func (a *attached) Write(p []byte) (int, error) { return a.conn.Write(p) }

func (a *attached) close() { _ = a.conn.Close() }
