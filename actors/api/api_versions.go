package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadataVersion is the level of Kafka's metadata.version feature that tools are told: that of 4.3 (KIP-778).
const metadataVersion = 30

// ApiVersions, versions 0-4. v1 throttle time. v3 flexible; names of client software, features (KIP-511, KIP-584). v4 features with
// minimum version 0. A version that is not served gets the answer of version 0 with UNSUPPORTED_VERSION, from which the client learns
// what is.
func apiVersions(r *Request) {
	response := kmsg.NewPtrApiVersionsResponse()
	for _, a := range APIs() {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = a.Key.Int16(), a.Declared, a.Max
		response.ApiKeys = append(response.ApiKeys, k)
	}
	if r.Version < r.API.Min || r.Version > r.API.Max {
		r.Version = 0
		response.ErrorCode = r.errCode(kerr.UnsupportedVersion)
		r.respond(response)
		return
	}
	if q := r.Body.(*kmsg.ApiVersionsRequest); r.Version >= 3 && !(isSoftware(q.ClientSoftwareName) && isSoftware(q.ClientSoftwareVersion)) {
		response.ApiKeys = nil
		response.ErrorCode = r.errCode(kerr.InvalidRequest)
		r.respond(response)
		return
	}
	// What clients choose by: groups of KIP-848, share groups and KIP-890's transactions are not named, so they do without. Kafka
	// leaves features out whose level is 0.
	supported := func(name string, least, most int16) {
		f := kmsg.NewApiVersionsResponseSupportedFeature()
		f.Name, f.MinVersion, f.MaxVersion = name, least, most
		response.SupportedFeatures = append(response.SupportedFeatures, f)
	}
	finalized := func(name string, level int16) {
		f := kmsg.NewApiVersionsResponseFinalizedFeature()
		f.Name, f.MinVersionLevel, f.MaxVersionLevel = name, level, level
		response.FinalizedFeatures = append(response.FinalizedFeatures, f)
	}
	supported("metadata.version", 7, metadataVersion)
	finalized("metadata.version", metadataVersion)
	response.FinalizedFeaturesEpoch = 0
	r.respond(response)
}

// isSoftware tells whether a client's name for itself is as KIP-511 wants it.
func isSoftware(name string) bool {
	if name == "" {
		return false
	}
	for i, c := range []byte(name) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || i == len(name)-1 || c != '-' && c != '.') {
			return false
		}
	}
	return true
}
