"""Whether a site's TLS certificate is its own, fits its key, is signed by the authority that it names, and is in time."""

import shlex
from pathlib import Path

from dpm_flower.apps.doctor.clock import SET_CLOCK
from dpm_flower.apps.doctor.finding import Finding, lasting, skipped
from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.payload.certificate_chain import MAX_CERTIFICATES_BYTES, check_for_both_sides, validity, validity_up_to_authority
from dpm_flower.payload.certificates import entity_of, read_certificate, spki, subject_names
from dpm_flower.payload.entity_name import dns_name
from dpm_flower.payload.identity import CARD_NAME, REQUEST_NAME, card_in
from dpm_flower.payload.moments import moment
from dpm_flower.regime.site_file import SiteFile

NAMES, KEY, AUTHORITY, DATES = "certificate", "certificate's key", "certificate's authority", "certificate's dates"


def certificate_findings(site: SiteFile, now: int) -> list[Finding]:
    """A site -> whom its certificate names, whose key it is for, who signed it, and until when it holds."""
    path = site.exchange.certificate
    sign = _signing(site)
    try:
        chain = _content(path)
        read_certificate(chain)
    except ReleaseError as err:
        because = "there is no certificate"
        unread = Finding(NAMES, "wrong", str(err), sign)
        return [unread, *(skipped(check, because, NAMES) for check in (KEY, AUTHORITY, DATES))]
    return [_names(chain, site.entity, sign), _key(chain, site, sign), *_signed(chain, site, now, sign)]


def _names(chain: bytes, entity: str, sign: str) -> Finding:
    try:
        name = entity_of(chain)
        names = subject_names(read_certificate(chain))
        check_for_both_sides(chain)
        if name != entity:
            raise ReleaseError(f"wanted a certificate of {entity}, got one of {name}")
        if dns_name(name) not in names.dns:
            raise ReleaseError(f"wanted the name {dns_name(name)}, by which peers know it, got {', '.join(names.all)}")
    except ReleaseError as err:
        return Finding(NAMES, "wrong", str(err), sign)
    return Finding(NAMES, "ok", f"names {', '.join(names.all)}")


def _key(chain: bytes, site: SiteFile, sign: str) -> Finding:
    try:
        _, card = card_in(site.identity.folder)
    except OutputError:
        return skipped(KEY, "there is no card to compare it with", "identity")
    try:
        if spki(chain) != card.tls_spki:
            raise ReleaseError(f"it is for another key than the TLS key on the {CARD_NAME} of {card.name}")
    except ReleaseError as err:
        return Finding(KEY, "wrong", str(err), sign)
    return Finding(KEY, "ok", f"it is for the TLS key of {card.name}")


def _signed(chain: bytes, site: SiteFile, now: int, sign: str) -> list[Finding]:
    begin_and_end = validity(chain)
    try:
        begin_and_end = validity_up_to_authority(chain, _content(site.trust.ca))
        authority = Finding(AUTHORITY, "ok", f"signed by the authority in {site.trust.ca}")
    except ReleaseError as err:
        remedy = f"name the right authority as `ca` in the site file's [trust], or: {sign}"
        authority = Finding(AUTHORITY, "wrong", str(err), remedy)
    if now < begin_and_end.begin:
        early = f"it holds from {moment(begin_and_end.begin)} on, and it is {moment(now)}"
        return [authority, Finding(DATES, "wrong", early, SET_CLOCK)]
    what = "it, with all that it was signed by," if authority.mark == "ok" else "it"
    path = shlex.quote(str(site.exchange.certificate))
    return [authority, lasting(DATES, what, begin_and_end.end, now, f"the authority renews it: dpm-flower ca renew {path} --ca CA")]


def _signing(site: SiteFile) -> str:
    folder = site.identity.folder
    request, card, output = (shlex.quote(str(one)) for one in (folder / REQUEST_NAME, folder / CARD_NAME, site.exchange.certificate))
    return f"the authority signs another: dpm-flower ca sign {request} --card {card} --ca CA --output {output}"


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_CERTIFICATES_BYTES + 1)
    except OSError as err:
        raise ReleaseError(f"cannot read {path}: {err.strerror}") from err
