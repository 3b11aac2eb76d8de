package gateway_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/gateway"
)

// fromFiles is how much memory of this process comes from files, in KiB.
func fromFiles(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no RssFile")
	return 0
}

// What the start read of the program is given back, and the program goes on.
func TestRest(t *testing.T) {
	before := fromFiles(t)
	gateway.Rest()
	if after := fromFiles(t); after >= before {
		t.Errorf("%d KiB before, %d after", before, after)
	}
}
