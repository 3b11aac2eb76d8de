package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/store"
)

// peekPaired reads whom a home's pairing store lets in at one account of a
// channel. "*" in it lets nobody in: pairing is one person at a time.
func peekPaired(state string, channel claw.ChannelID, account claw.AccountID) answer.Pairing {
	out := answer.Pairing{Known: true}
	for _, name := range store.AllowFiles(channel, account) {
		b, err := store.PeekDocument(state, store.FolderCredentials, name)
		if err == nil && b != nil {
			var doc struct {
				Version   int      `json:"version"`
				AllowFrom []string `json:"allowFrom"`
			}
			if err = json.Unmarshal(b, &doc); err == nil && doc.Version > 1 {
				err = fmt.Errorf("version is %d, expected 1", doc.Version)
			}
			for _, id := range doc.AllowFrom {
				id = strings.TrimPrefix(cmdline.Visible(strings.TrimSpace(id)), string(channel)+":")
				if id != "" && id != "*" && !slices.Contains(out.IDs, id) {
					out.IDs = append(out.IDs, id)
				}
			}
		}
		if err != nil {
			out.Problem = fmt.Sprintf("credentials/%s: %v", name, err)
		}
	}
	return out
}
