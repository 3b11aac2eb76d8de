// Command probe asks for one page, as a program would that got in: through a
// proxy when one is given, else by itself. It prints the status and the body,
// or why there is none.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

func main() {
	t := &http.Transport{}
	if len(os.Args) > 2 {
		proxy, err := url.Parse(os.Args[2])
		if err != nil {
			fail(err)
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	res, err := (&http.Client{Transport: t, Timeout: 10 * time.Second}).Get(os.Args[1])
	if err != nil {
		fail(err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		fail(err)
	}
	fmt.Printf("%d %s", res.StatusCode, body)
}

func fail(err error) {
	fmt.Println("no answer:", err)
	os.Exit(1)
}
