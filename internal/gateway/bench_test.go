package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkHTTP measures whole requests on one kept-alive connection, client
// included.
func BenchmarkHTTP(b *testing.B) {
	for _, path := range []string{"/healthz", "/v1/models"} {
		b.Run(path[1:], func(b *testing.B) {
			w := newWorld(b, nil)
			c, err := net.Dial("tcp", w.tcp)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + w.tcp + "\r\nAuthorization: Bearer " + rightToken + "\r\n\r\n")
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
		})
	}
}
