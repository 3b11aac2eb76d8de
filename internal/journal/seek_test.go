package journal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every entry is found at its place, whatever the lengths of the lines.
func TestSeekFindsEveryLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint64Range(0, 2000).Draw(t, "first")
		lengths := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 400), rapid.IntRange(0, 40_000)), 1, 60).Draw(t, "lengths")
		var b bytes.Buffer
		var starts []int64
		for i, n := range lengths {
			starts = append(starts, int64(b.Len()))
			fmt.Fprintf(&b, `{"v":1,"seq":%d,"x":"%s"}`+"\n", first+uint64(i), strings.Repeat("x", n))
		}
		size := int64(b.Len())
		if rapid.Bool().Draw(t, "unfinished") {
			fmt.Fprintf(&b, `{"v":1,"seq":%d,"x":"%s`, first+uint64(len(lengths)), strings.Repeat("x", 100))
		}
		f := bytes.NewReader(b.Bytes())
		for i, want := range starts {
			if at, err := seek(f, size, first+uint64(i)); err != nil || at != want {
				t.Fatalf("entry %d: at %d, expected %d: %v", i, at, want, err)
			}
		}
		if at, err := seek(f, size, first+uint64(len(lengths))); err != nil || at != size {
			t.Fatalf("behind the end: at %d, expected %d: %v", at, size, err)
		}
	})
}
