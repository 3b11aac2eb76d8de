package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkHTTP measures whole requests on one kept-alive connection, client
// included. "bare" is net/http answering the same bytes with nothing around
// them: what is left of the others is ours.
func BenchmarkHTTP(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{\"ok\":true,\"status\":\"live\"}\n")
		})}
		go func() { _ = s.Serve(l) }()
		defer func() { _ = s.Close() }()
		benchGet(b, l.Addr().String(), "/healthz")
	})
	for _, path := range []string{"/healthz", "/v1/models"} {
		b.Run(path[1:], func(b *testing.B) { benchGet(b, newWorld(b, nil).tcp, path) })
	}
}

func benchGet(b *testing.B, addr, path string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer " + rightToken + "\r\n\r\n")
	in := bufio.NewReader(c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(res, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
	}
}
