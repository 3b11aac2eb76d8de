package audit

import "slices"

// Catalogue lists every check, by area.
func Catalogue() []Check {
	return slices.Concat(
		gatewayChecks(), authChecks(), channelChecks(), hookChecks(),
		execChecks(), exposureChecks(), sandboxChecks(), pluginChecks(), skillChecks(), modelChecks(),
		secretChecks(), filePermissions(), fileFacts(), configChecks(), loggingChecks(), liveChecks(), attackChecks(), composeChecks(), containerChecks(), unitChecks(), networkChecks(), versionChecks(),
		[]Check{incomplete()}, // judges the others, so it comes last
	)
}
