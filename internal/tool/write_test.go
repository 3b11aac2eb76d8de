package tool

import (
	"strings"
	"testing"
)

// TestLargeFileIsNotCut: what was not read in full is never written back.
func TestLargeFileIsNotCut(t *testing.T) {
	cut := Content{Data: []byte("beginning"), Size: 5 << 20}
	if err := whole("big.txt", cut); err == nil || !strings.Contains(err.Error(), "big.txt") {
		t.Errorf("a file read in part may be edited: %v", err)
	}
	if err := whole("small.txt", Content{Data: []byte("all"), Size: 3}); err != nil {
		t.Errorf("a whole file is refused: %v", err)
	}
}
