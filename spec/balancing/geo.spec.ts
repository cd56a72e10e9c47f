import { expect } from "chai";

import { countries } from "../../lib/balancing/countries.ts";
import { type Coordinates, createGeo, distanceKm, FARTHEST_KM } from "../../lib/balancing/geo.ts";
import { regions } from "../../lib/balancing/regions.ts";

const paris: Coordinates = { latitude: 48.8566, longitude: 2.3522 };
const tokyo: Coordinates = { latitude: 35.6764, longitude: 139.65 };
const london: Coordinates = { latitude: 51.5074, longitude: -0.1278 };
const newYork: Coordinates = { latitude: 40.7128, longitude: -74.006 };
const sydney: Coordinates = { latitude: -33.8688, longitude: 151.2093 };

describe("distanceKm", () => {
  const known: readonly (readonly [names: string, a: Coordinates, b: Coordinates, km: number])[] = [
    ["Paris and Tokyo", paris, tokyo, 9_712],
    ["London and New York", london, newYork, 5_570],
    ["London and Paris", london, paris, 344],
    ["London and Sydney", london, sydney, 16_994],
  ];
  for (const [names, a, b, km] of known) {
    it(`is ${km} km between ${names}, within 1 %`, () => {
      expect(distanceKm(a, b)).to.be.closeTo(km, km / 100);
    });

    it(`is the same from either end of ${names}`, () => {
      expect(distanceKm(b, a)).to.equal(distanceKm(a, b));
    });
  }

  it("is 0 from a place to itself", () => {
    for (const place of [paris, sydney, { latitude: 90, longitude: 0 }, { latitude: 0, longitude: 180 }]) {
      expect(distanceKm(place, place)).to.equal(0);
    }
  });

  it("tells places apart that are metres away", () => {
    expect(distanceKm(paris, { ...paris, latitude: paris.latitude + 0.0001 })).to.be.closeTo(0.0111, 0.0001);
  });

  it("takes the short way across the date line", () => {
    const east = { latitude: 0, longitude: 179.5 };
    const west = { latitude: 0, longitude: -179.5 };
    expect(distanceKm(east, west)).to.be.closeTo(111.2, 0.1);
  });

  it("does not care about the longitude of a pole", () => {
    expect(distanceKm({ latitude: 90, longitude: 0 }, { latitude: 90, longitude: 135 })).to.be.closeTo(0, 1e-6);
  });

  it("is half the circumference, never more and never NaN, between antipodes", () => {
    for (let latitude = -90; latitude <= 90; latitude += 0.7) {
      for (let longitude = -180; longitude <= 0; longitude += 1.3) {
        const km = distanceKm({ latitude, longitude }, { latitude: -latitude, longitude: longitude + 180 });
        if (!(km > FARTHEST_KM - 0.1 && km <= FARTHEST_KM)) expect.fail(`${km} km from ${latitude}, ${longitude}`);
      }
    }
  });
});

describe("createGeo", () => {
  const geo = createGeo({});

  it("knows the regions of the clouds", () => {
    const frankfurt = { latitude: 50.1, longitude: 8.7 };
    for (const name of ["eu-central-1", "europe-west3", "germanywestcentral", "fra1", "fra", "eu-frankfurt-1"]) {
      expect(geo.region(name), name).to.deep.equal(frankfurt);
    }
  });

  it("knows the plain names of parts of the world", () => {
    for (const name of ["eu", "us", "ap", "sa", "af", "me", "oc", "eu-west", "us-east", "ap-south", "sa-east"]) {
      expect(geo.region(name), name).not.to.be.null;
    }
  });

  it("knows where the people of a country are, not where its middle is", () => {
    expect(distanceKm(geo.country("RU")!, { latitude: 55.75, longitude: 37.62 })).to.be.below(20);
    expect(distanceKm(geo.country("CA")!, { latitude: 43.65, longitude: -79.38 })).to.be.below(20);
    expect(distanceKm(geo.country("AU")!, sydney)).to.be.below(20);
  });

  it("takes a country's code for a region", () => {
    expect(geo.region("be")).to.deep.equal(geo.country("BE"));
  });

  it("takes a region's name before a country's code", () => {
    const southAmerica = geo.region("sa")!;
    expect(distanceKm(southAmerica, geo.country("BR")!)).to.be.below(100);
    expect(distanceKm(southAmerica, geo.country("SA")!)).to.be.above(10_000);
  });

  it("does not take a region's name for a country", () => {
    for (const name of ["eu", "uk", "ap", "eu-west-1"]) expect(geo.country(name), name).to.be.null;
  });

  it("does not care about case", () => {
    expect(geo.region("EU-West-1")).to.deep.equal(geo.region("eu-west-1"));
    expect(geo.country("be")).to.deep.equal(geo.country("BE"));
    expect(geo.country("Be")).to.deep.equal(geo.country("BE"));
  });

  it("knows nothing of other names", () => {
    for (const name of ["", " ", "atlantis", "eu-west-99", "ZZ", "BEL", "B", "eu-west-1 "]) {
      expect(geo.region(name), name).to.be.null;
      expect(geo.country(name), name).to.be.null;
    }
  });

  it("knows nothing of what every object has", () => {
    for (const name of ["constructor", "__proto__", "toString", "tostring", "hasOwnProperty", "valueOf", "size"]) {
      expect(geo.region(name), name).to.be.null;
      expect(geo.country(name), name).to.be.null;
    }
  });

  describe("with the operator's own regions", () => {
    const cellar = { latitude: 50.47, longitude: 4.87 };

    it("adds them, in any case", () => {
      const own = createGeo({ "Our-Cellar": cellar });
      expect(own.region("our-cellar")).to.deep.equal(cellar);
      expect(own.region("OUR-CELLAR")).to.deep.equal(cellar);
      expect(own.region("eu-west-1")).to.deep.equal(geo.region("eu-west-1"));
    });

    it("lets them win", () => {
      const own = createGeo({ "EU-WEST-1": cellar, be: cellar });
      expect(own.region("eu-west-1")).to.deep.equal(cellar);
      expect(own.region("be")).to.deep.equal(cellar);
    });

    it("leaves the countries, and every other geo, as they are", () => {
      const before = geo.country("BE");
      expect(createGeo({ be: cellar }).country("be")).to.deep.equal(before);
      expect(geo.region("be")).to.deep.equal(before);
    });

    it("takes a table without a prototype, as the TOML parser gives it", () => {
      const table = Object.assign(Object.create(null) as Record<string, Coordinates>, { cellar });
      expect(createGeo(table).region("cellar")).to.deep.equal(cellar);
    });
  });
});

describe("the table of countries", () => {
  const geo = createGeo({});
  const codes = Object.keys(countries);

  it("has every ISO 3166-1 code and Kosovo's, and no other", () => {
    // What ICU names besides: codes that are reserved or withdrawn, and its own.
    const unassigned = new Set(
      "AC AN BU CP CQ CS DD DG DY EA EU EZ FX HV IC NH QO RH SU TA TP UK UN VD XA XB YD YU ZR ZZ".split(" "),
    );
    const names = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });
    const letters = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    const assigned = letters
      .flatMap((first) => letters.map((second) => first + second))
      .filter((code) => names.of(code) !== undefined && !unassigned.has(code));
    expect(assigned).to.have.lengthOf(249 + 1);
    expect(codes).to.have.members(assigned);
  });

  it("has each on the Earth, and none at 0, 0", () => {
    for (const code of codes) {
      const place = geo.country(code)!;
      expectOnEarth(place, code);
      expect(distanceKm(place, { latitude: 0, longitude: 0 }), code).to.be.above(500);
    }
  });

  // A wrong sign, or latitude and longitude swapped, would leave the box: its south, north, west and east in degrees.
  const parts: readonly (readonly [name: string, box: readonly [number, number, number, number], codes: string])[] = [
    ["northern Europe", [49, 79, -25, 32], "AX DK EE FI FO GB GG IE IM IS JE LT LV NO SE SJ"],
    ["western Europe", [43, 53, 2, 17], "AT BE CH DE FR LI LU MC NL"],
    ["southern Europe", [35, 47, -10, 25], "AD AL BA ES GI GR HR IT ME MK MT PT RS SI SM VA XK"],
    ["eastern Europe", [42, 56, 14, 38], "BG BY CZ HU MD PL RO RU SK UA"],
    ["northern Africa", [15, 37, -14, 33], "DZ EG EH LY MA SD TN"],
    ["western Africa", [4, 19, -24, 4], "BF BJ CI CV GH GM GN GW LR ML MR NE NG SL SN TG"],
    ["central Africa", [-9, 13, 6, 19], "AO CD CF CG CM GA GQ ST TD"],
    ["eastern Africa", [-27, 16, 28, 58], "BI DJ ER ET KE KM MG MU MW MZ RE RW SC SO SS TZ UG YT ZM ZW"],
    ["southern Africa", [-30, -22, 17, 32], "BW LS NA SZ ZA"],
    ["western Asia", [12, 42, 29, 59], "AE AM AZ BH CY GE IL IQ JO KW LB OM PS QA SA SY TR YE"],
    ["central and southern Asia", [4, 44, 51, 91], "AF BD BT IN IR KG KZ LK MV NP PK TJ TM UZ"],
    ["eastern Asia", [22, 48, 106, 140], "CN HK JP KP KR MN MO TW"],
    ["south-eastern Asia", [-9, 19, 96, 126], "BN ID KH LA MM MY PH SG TH TL VN"],
    ["North America", [32, 65, -93, -51], "BM CA GL PM US"],
    ["Central America", [8, 20, -100, -79], "BZ CR GT HN MX NI PA SV"],
    ["the Greater Antilles", [18, 26, -83, -64], "BS CU DO HT JM KY PR TC VG VI"],
    ["the Lesser Antilles", [10, 19, -71, -59], "AG AI AW BB BL BQ CW DM GD GP KN LC MF MQ MS SX TT VC"],
    ["South America", [-52, 11, -80, -46], "AR BO BR CL CO EC FK GF GY PE PY SR UY VE"],
    ["western Oceania", [-38, 20, 134, 180], "AU FJ FM GU KI MH MP NC NF NR NZ PG PW SB TV UM VU"],
    ["eastern Oceania", [-26, -8, -177, -130], "AS CK NU PF PN TK TO WF WS"],
    ["the southern Atlantic", [-55, -15, -37, 4], "BV GS SH"],
    ["the Indian Ocean", [-54, -7, 70, 106], "CC CX HM IO TF"],
    ["the Antarctic", [-90, -60, -180, 180], "AQ"],
  ];

  for (const [name, [south, north, west, east], members] of parts) {
    it(`has the countries of ${name} there`, () => {
      for (const code of members.split(" ")) {
        const { latitude, longitude } = geo.country(code)!;
        expect(latitude, `latitude of ${code}`).to.be.within(south, north);
        expect(longitude, `longitude of ${code}`).to.be.within(west, east);
      }
    });
  }

  it("is covered by those parts", () => {
    expect(parts.flatMap(([, , members]) => members.split(" "))).to.have.members(codes);
  });
});

describe("the table of regions", () => {
  const geo = createGeo({});

  it("has names in lower case only, or nobody would find them", () => {
    for (const name of Object.keys(regions)) expect(name).to.equal(name.toLowerCase());
  });

  it("has each on the Earth, near people", () => {
    const people = Object.keys(countries).map((code) => geo.country(code)!);
    for (const name of Object.keys(regions)) {
      const place = geo.region(name)!;
      expectOnEarth(place, name);
      expect(Math.min(...people.map((them) => distanceKm(place, them))), name).to.be.below(4_000);
    }
  });

  const regionsOf: Readonly<Record<string, string>> = {
    AE: "me-central-1 uaenorth uaecentral me-dubai-1 me-abudhabi-1",
    AT: "austriaeast",
    AU:
      "ap-southeast-2 ap-southeast-4 australia-southeast1 australia-southeast2 australiaeast australiasoutheast " +
      "australiacentral australiacentral2 syd1 syd au-mel mel",
    BE: "europe-west1 belgiumcentral",
    BH: "me-south-1",
    BR: "sa-east-1 southamerica-east1 brazilsouth brazilsoutheast br-gru gru gig sa-vinhedo-1",
    CA:
      "ca-central-1 ca-west-1 northamerica-northeast1 northamerica-northeast2 canadacentral canadaeast tor1 bhs " +
      "ca-montreal-1 yul yyz",
    CH: "eu-central-2 europe-west6 switzerlandnorth switzerlandwest eu-zurich-1",
    CL: "southamerica-west1 chilecentral cl-scl scl sa-santiago-1 sa-valparaiso-1",
    CN: "cn-north-1 cn-northwest-1 chinanorth chinanorth2 chinanorth3 chinaeast chinaeast2 chinaeast3",
    CO: "co-bog bog sa-bogota-1",
    DE:
      "eu-central-1 eusc-de-east-1 europe-west3 europe-west10 germanywestcentral germanynorth fra1 fsn1 nbg1 de " +
      "de-fra-2 eu-frankfurt-1",
    DK: "denmarkeast",
    ES: "eu-south-2 europe-southwest1 spaincentral es-mad mad eu-madrid-1",
    FI: "europe-north1 hel1",
    FR: "eu-west-3 europe-west9 francecentral francesouth gra rbx sbg fr-par cdg eu-marseille-1",
    GB: "eu-west-2 europe-west2 uksouth ukwest lon1 uk gb-lon lhr man uk-cardiff-1",
    HK: "ap-east-1 asia-east2 eastasia hkg",
    ID: "ap-southeast-3 asia-southeast2 indonesiacentral id-cgk ap-batam-1",
    IE: "eu-west-1 northeurope",
    IL: "il-central-1 me-west1 israelcentral tlv il-jerusalem-1",
    IN:
      "ap-south-1 ap-south-2 asia-south1 asia-south2 centralindia southindia westindia indiasouthcentral " +
      "jioindiacentral jioindiawest blr1 ynm in-maa bom del",
    IT: "eu-south-1 europe-west8 europe-west12 italynorth it-mil eu-turin-1",
    JP: "ap-northeast-1 ap-northeast-3 asia-northeast1 asia-northeast2 japaneast japanwest jp-osa nrt itm",
    KR: "ap-northeast-2 asia-northeast3 koreacentral koreasouth icn ap-chuncheon-1",
    MX: "mx-central-1 northamerica-south1 mexicocentral gdl mex mx-monterrey-1",
    MY: "ap-southeast-5 malaysiawest my-kul ap-kulai-2",
    NL: "europe-west4 westeurope ams3 nl-ams ams eu-amsterdam-1",
    NO: "norwayeast norwaywest",
    NZ: "ap-southeast-6 newzealandnorth",
    PL: "europe-central2 polandcentral waw pl-waw",
    QA: "me-central1 qatarcentral",
    SA: "me-central2 me-jeddah-1 me-riyadh-1",
    SE: "eu-north-1 europe-north2 swedencentral swedensouth se-sto arn",
    SG: "ap-southeast-1 asia-southeast1 southeastasia sgp1 sin sgp sg-sin-2",
    TH: "ap-southeast-7 asia-southeast3",
    TW: "ap-east-2 asia-east1 taiwannorth",
    US:
      "us-east-1 us-east-2 us-west-1 us-west-2 us-gov-east-1 us-gov-west-1 us-central1 us-east1 us-east4 us-east5 " +
      "us-south1 us-west1 us-west2 us-west3 us-west4 eastus eastus2 centralus northcentralus southcentralus " +
      "westcentralus westus westus2 westus3 usgovvirginia usgovtexas usgovarizona nyc1 sfo3 atl1 ric1 ash hil vin " +
      "us-ord us-sea us-mia ewr lax",
    ZA: "af-south-1 africa-south1 southafricanorth southafricawest za-jnb jnb",
  };

  // From coast to coast: Canada's people are counted as in Toronto, 2,700 km from Calgary.
  const reachKm = (code: string): number => (code === "US" || code === "CA" ? 2_800 : 1_700);

  for (const [code, names] of Object.entries(regionsOf)) {
    it(`has those of ${code} in reach of its people`, () => {
      for (const name of names.split(" ")) {
        expect(Object.hasOwn(regions, name), name).to.be.true;
        expect(distanceKm(geo.region(name)!, geo.country(code)!), name).to.be.below(reachKm(code));
      }
    });
  }
});

function expectOnEarth({ latitude, longitude }: Coordinates, name: string): void {
  expect(latitude, `latitude of ${name}`).to.be.within(-90, 90);
  expect(longitude, `longitude of ${name}`).to.be.within(-180, 180);
}
