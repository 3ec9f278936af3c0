"""An environment -> what of it a site's SuperNode gets: a list of what it needs, since nobody knows all names that secrets have."""

from collections.abc import Mapping

NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        # of Flower's own by name: others, such as FLWR_MODEL_API_KEY, are secrets
        *("FLWR_HOME", "FLWR_LOG_LEVEL", "FLWR_TELEMETRY_ENABLED", "FLWR_DISABLE_UPDATE_CHECK"),
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION",
        *("FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE", "FLWR_PRIVATE_MAX_CONCURRENT_OBJ_PULLS", "FLWR_PRIVATE_MAX_CONCURRENT_OBJ_PUSHES"),
    }
)
PREFIXES = ("LC_", "PYTHON", "GRPC_", "OPENSSL_", "OMP_", "DPM_FLOWER_")


def supernode_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables -> those by which a SuperNode finds its files, its language, whom it trusts, and its way to the SuperLink.

    It carries messages, with Flower's code only: credentials of stores, tokens and passphrases of the site are none of its business.
    """
    return {name: value for name, value in environment.items() if name in NAMES or name.startswith(PREFIXES)}
