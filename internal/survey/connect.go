package survey

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// maxFrame bounds what the probe reads of a stranger's answer.
const maxFrame = 64 << 10

// signIn tries a WebSocket sign-in with a wrong token, as a client of the
// gateway protocol does. Its status is 200 for a welcome, 429 for "slow down",
// else 401.
func signIn(ctx context.Context, kind audit.ProbeKind, to, token string) audit.Probe {
	p := audit.Probe{Kind: kind, To: to}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		p.Err = short(err)
		return p
	}
	defer func() { _ = conn.Close() }()
	if t, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(t)
	}
	start := time.Now()
	answer, err := exchange(conn, to, token)
	p.Ms = time.Since(start).Milliseconds()
	switch {
	case err != nil:
		p.Err = short(err)
	case strings.Contains(answer, `"ok":true`):
		p.Status = http.StatusOK
	case strings.Contains(answer, "RATE_LIMITED") || strings.Contains(answer, "rate_limited") || strings.Contains(answer, "too many"):
		p.Status = http.StatusTooManyRequests
	default:
		p.Status = http.StatusUnauthorized
	}
	return p
}

// exchange sends one connect request and returns the answer's text.
func exchange(conn net.Conn, host, token string) (string, error) {
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", host)
	r := bufio.NewReaderSize(conn, 4096)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return "", err
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusTooManyRequests {
		return "too many", nil
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return "", fmt.Errorf("the WebSocket was answered %d", res.StatusCode)
	}
	request := fmt.Sprintf(`{"type":"req","id":"1","method":"connect","params":{"minProtocol":3,"maxProtocol":3,"client":{"id":"cli","version":"0.0.0","platform":"audit","mode":"probe"},"role":"operator","scopes":["operator.read"],"auth":{"token":%q}}}`, token)
	if _, err := conn.Write(textFrame(request)); err != nil {
		return "", err
	}
	for range 8 {
		text, err := readFrame(r)
		if err != nil {
			return "", err
		}
		if strings.Contains(text, `"type":"res"`) || strings.HasPrefix(text, "\x03") {
			return text, nil
		}
	}
	return "", errors.New("no answer to the sign-in")
}

// textFrame is one masked text frame (RFC 6455 §5.2); the mask is zero, which
// servers must take.
func textFrame(s string) []byte {
	b := []byte{0x81, 0x80 | 126, byte(len(s) >> 8), byte(len(s)), 0, 0, 0, 0} //nolint:gosec // a short text
	return append(b, s...)
}

// readFrame reads one server frame; a close frame's text begins with its code.
func readFrame(r *bufio.Reader) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	if n > maxFrame {
		return "", errors.New("the answer is too long")
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return string(b), err
}

// flood tries wrong tokens until it is told to slow down.
func flood(ctx context.Context, to string) []audit.Probe {
	var out []audit.Probe
	for i := range floodProbes {
		p := signIn(ctx, audit.ProbeFlood, to, fmt.Sprintf("%048d", i))
		out = append(out, p)
		if p.Status == http.StatusTooManyRequests || p.Status == 0 {
			break
		}
	}
	return out
}
