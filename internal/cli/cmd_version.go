package cli

import (
	"errors"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (e *env) cmdVersion() *cobra.Command {
	var bill bool
	c := &cobra.Command{Use: "version", Short: "Print the version and how the program was built", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		v := struct {
			Version  string `json:"version"`
			Compat   string `json:"compat"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
			Modified bool   `json:"modified"`
			Revision string `json:"revision,omitempty"`
		}{Version: version, Compat: compatVersion, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
		info, ok := debug.ReadBuildInfo()
		if bill {
			if !ok {
				return cannot(errors.New("this program does not know what it was built of"), "")
			}
			return e.print.value(billOf(info, version))
		}
		if ok {
			for _, s := range info.Settings {
				switch s.Key {
				case "vcs.revision":
					v.Revision = s.Value
				case "vcs.modified":
					v.Modified = s.Value == "true"
				}
			}
		}
		if e.print.json {
			return e.print.value(v)
		}
		e.print.line("openclaw %s (formats and protocol of %s), %s, %s", v.Version, v.Compat, v.Go, v.Platform)
		return nil
	}}
	c.Flags().BoolVar(&bill, "sbom", false, "print the bill of materials (SPDX 2.3): the modules that were linked")
	return c
}
