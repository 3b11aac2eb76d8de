package inject

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

func TestWild(t *testing.T) {
	n, fp := 0, 0
	rules := map[string]int{}
	var bytes int
	start := time.Now()
	for _, root := range []string{os.Getenv("GOMODCACHE"), "/usr/share/doc", "/usr/local/go/src/net", "/usr/share/perl"} {
		filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			if !(strings.HasSuffix(p, ".md") || strings.HasSuffix(p, ".txt") || strings.Contains(p, "/usr/share/doc") && !strings.HasSuffix(p, ".gz") || strings.HasSuffix(p, ".go") || strings.HasSuffix(p, ".html")|| strings.HasSuffix(p, ".pod")) || strings.Contains(p, "testdata") {
				return nil
			}
			if n > 9000 { return filepath.SkipAll }
			b, _ := os.ReadFile(p)
			if len(b) > 20000 {
				b = b[:20000]
			}
			bytes += len(b)
			n++
			r := Look(string(b))
			if r.Marked() {
				fp++
				seen := map[string]bool{}
				for _, s := range r.Signals {
					if !seen[s.Rule] {
						seen[s.Rule] = true
						rules[s.Rule]++
					}
				}
				if fp%8 == 0 && fp < 320 {
					var ss []string
					for _, s := range r.Signals {
						if s.Weight >= 2 && len(ss) < 5 {
							ss = append(ss, s.Rule+"="+fmt.Sprintf("%.60q", b[s.Start:s.End]))
						}
					}
					fmt.Println(r.Score, p[len(p)-min(40, len(p)):], ss)
				}
			}
			return nil
		})
	}
	fmt.Println(n, fp, bytes, time.Since(start))
	var ks []string
	for k := range rules {
		ks = append(ks, k)
	}
	sort.Slice(ks, func(i, j int) bool { return rules[ks[i]] > rules[ks[j]] })
	for _, k := range ks {
		fmt.Print(k, ":", rules[k], " ")
	}
	fmt.Println()
}
